/**
 * The object store (a local folder or Google Cloud Storage) and the job log kept in it.
 *
 * <p>Way in: {@link dev.parley.archive.ObjectStore}, {@link dev.parley.archive.JobLogs}. Uses nothing of ours.
 */
@NullMarked
package dev.parley.archive;

import org.jspecify.annotations.NullMarked;
