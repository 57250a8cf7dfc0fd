/**
 * The Spring Batch job {@code generate}: configuration, reader, processor, writer, log listener.
 *
 * <p>Way in: {@link dev.parley.batch.GenerateRuns}. Uses everything below it: {@code step}, {@code work},
 * {@code generation}, {@code conversation}, {@code archive}, {@code catalog}, {@code provider}.
 */
@NullMarked
package dev.parley.batch;

import org.jspecify.annotations.NullMarked;
