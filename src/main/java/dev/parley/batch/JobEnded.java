package dev.parley.batch;

import java.util.UUID;

/**
 * Published when a job that a run of this process has recorded something of is no longer open, and, for each of these jobs, when
 * the run ends.
 *
 * @param runEnded whether it is the run that has ended, which waits for whoever listens
 */
public record JobEnded(UUID job, boolean runEnded) {}
