/**
 * How Parley is started: the command line, job files, exit codes.
 *
 * <p>Way in: {@code Main}. Uses everything; nothing uses it.
 */
@NullMarked
package dev.parley.launch;

import org.jspecify.annotations.NullMarked;
