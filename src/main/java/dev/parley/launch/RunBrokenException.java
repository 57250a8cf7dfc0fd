package dev.parley.launch;

/** A run that had begun did not come to its end: whatever the cause, it is no matter of configuration any more. */
class RunBrokenException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    RunBrokenException(Throwable cause) {
        super("The run broke off; what is done is kept, and the next run goes on from there", cause);
    }
}
