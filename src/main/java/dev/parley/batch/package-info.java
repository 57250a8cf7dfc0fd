/**
 * The Spring Batch jobs: {@code generate} (configuration, reader, processor, writer, log listener), {@code backfill} and
 * {@code import-transcripts}.
 *
 * <p>Ways in: {@link dev.parley.batch.GenerateRuns}, {@link dev.parley.batch.Backfill}, {@link
 * dev.parley.batch.TranscriptImport}. Uses everything below it: {@code step}, {@code work}, {@code generation}, {@code
 * conversation}, {@code archive}, {@code catalog}, {@code provider}, {@code tracking}.
 */
@NullMarked
package dev.parley.batch;

import org.jspecify.annotations.NullMarked;
