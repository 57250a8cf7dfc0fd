package dev.parley.batch;

import dev.parley.generation.GenerationResult;
import dev.parley.work.BatchItem;

/** What the processor hands to the writer: an item and what became of it. */
record ItemOutcome(BatchItem item, GenerationResult result) {}
