/**
 * The work list: rows of {@code batch_jobs}, {@code batch_items} and {@code provider_batches}, and every statement that
 * touches them.
 *
 * <p>Ways in: {@link dev.parley.work.BatchJobs}, {@link dev.parley.work.BatchItems}, {@link
 * dev.parley.work.ProviderBatches}; to look, {@link
 * dev.parley.work.ItemLookup}; to mend, {@link dev.parley.work.BrokenItems}. Uses the keys of {@code conversation} and the
 * tier of {@code catalog}. An item moves queued → processing → completed or failed; a retryable failure, a stop or a
 * lost process moves it back to queued.
 */
@NullMarked
package dev.parley.work;

import org.jspecify.annotations.NullMarked;
