/**
 * The Spring Batch jobs {@code generate} (configuration, reader, processor, writer, log listener) and {@code backfill}.
 *
 * <p>Ways in: {@link dev.parley.batch.GenerateRuns}, {@link dev.parley.batch.Backfill}. Uses everything below it: {@code step}, {@code work},
 * {@code generation}, {@code conversation}, {@code archive}, {@code catalog}, {@code provider}.
 */
@NullMarked
package dev.parley.batch;

import org.jspecify.annotations.NullMarked;
