package dev.parley.launch;

/** What the process tells whoever started it. */
final class ExitCode {
    /** Everything asked for is done. */
    static final int OK = 0;
    /** Something nobody expected: see the log. */
    static final int UNEXPECTED = 1;
    /** Wrong arguments, job file, catalog, setting, or a service that does not answer; nothing half done. */
    static final int CONFIGURATION = 2;
    /** The run finished, and some items failed. */
    static final int FAILED_ITEMS = 3;
    /** A job is paused, and its reason says what a person has to do. */
    static final int PAUSED = 4;
    /** Stopped by a signal, with work left. */
    static final int STOPPED = 130;

    private ExitCode() {}
}
