/**
 * How Parley is started, and what is to be seen of it: the command line, job files, the scheduler, exit codes.
 *
 * <p>Way in: {@code Main}, and for who shows the same elsewhere, {@link dev.parley.launch.Views}. Uses everything.
 */
@NullMarked
package dev.parley.launch;

import org.jspecify.annotations.NullMarked;
