/**
 * Training files made of conversations, and what there is to say of their quality.
 *
 * <p>Way in: {@link dev.parley.export.Exports}. A Spring Batch job of its own: a reader that pages through
 * {@code conversations} by the business key, a processor that loads documents and renders them, N at once, and a writer that
 * fills files and finishes them in sets. Between two sets nothing is kept but what the execution context holds, so a restart
 * goes on from the last finished set and makes the same bytes. Uses {@code conversation}, {@code catalog}, {@code archive} and
 * {@code database}.
 */
@NullMarked
package dev.parley.export;

import org.jspecify.annotations.NullMarked;
