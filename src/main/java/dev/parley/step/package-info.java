/**
 * A general Spring Batch step that processes many items at once without a barrier between chunks. Knows nothing of Parley.
 *
 * <p>Way in: {@code ConcurrentChunkStep}. Uses nothing of ours.
 */
@NullMarked
package dev.parley.step;

import org.jspecify.annotations.NullMarked;
