package dev.parley.batch;

import dev.parley.provider.ModelException;
import dev.parley.provider.ModelProviders;
import dev.parley.work.ProviderBatches;
import dev.parley.work.ProviderBatches.AtProvider;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;

/**
 * Ends a job's batches at their provider at once, without waiting for a run to do it. What they come to is taken by the next
 * run. Thread-safe.
 */
@Component
public class BatchCancellation {
    private static final Logger log = LoggerFactory.getLogger(BatchCancellation.class);

    private final ProviderBatches batches;
    private final ModelProviders providers;

    BatchCancellation(ProviderBatches batches, ModelProviders providers) {
        this.batches = batches;
        this.providers = providers;
    }

    /** @return how many the provider was told to end; one that it could not be told of is left to the next run */
    public int cancel(UUID job) {
        int told = 0;
        for (AtProvider batch : batches.inProgress(job)) {
            try {
                providers.batches(batch.provider()).cancel(batch.id());
                told++;
            } catch (ModelException | IllegalArgumentException e) {
                log.warn("Batch {} could not be cancelled now, the next run does: {}", batch.id(), e.getMessage());
            }
        }
        return told;
    }
}
