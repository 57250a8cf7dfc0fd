package dev.parley.export;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * What is asked for. Equal requests over equal rows make equal bytes.
 *
 * @param validation the share that goes into the validation files, 0..1 exclusive of 1; 0 makes none
 * @param seed another one splits otherwise
 * @param similarity from which estimated Jaccard similarity of word triples, above 0 and up to 1, a conversation counts as a
 *     near-duplicate of an earlier one and is left out; null keeps all
 * @param shardSize conversations read for one set of files, and done again at most when the export is broken off
 * @param systemPrompt the first message of each conversation, and {@code system_prompt} of training pairs; null leaves the
 *     former out
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ExportRequest(
        @JsonProperty("format") ExportFormat format,
        @JsonProperty("compression") Compression compression,
        @JsonProperty("selection") Selection selection,
        @JsonProperty("validation") double validation,
        @JsonProperty("seed") String seed,
        @JsonProperty("similarity") @Nullable Double similarity,
        @JsonProperty("shard_size") int shardSize,
        @JsonProperty("system_prompt") @Nullable String systemPrompt) {

    /** @throws IllegalArgumentException naming what is out of range, and the range */
    public ExportRequest {
        if (!(validation >= 0 && validation < 1)) {
            throw new IllegalArgumentException(
                    "the validation share is " + validation + "; should be from 0 to below 1");
        }
        if (similarity != null && !(similarity > 0 && similarity <= 1)) {
            throw new IllegalArgumentException("the similarity is " + similarity + "; should be above 0 and at most 1");
        }
        if (format == ExportFormat.PARQUET && compression == Compression.GZIP) {
            throw new IllegalArgumentException("Parquet is compressed by zstd, or by none, and not by gzip");
        }
        if (shardSize < 1) {
            throw new IllegalArgumentException("the shard size is " + shardSize + "; should be 1 or more");
        }
    }

    ExportRequest with(Selection other) {
        return new ExportRequest(format, compression, other, validation, seed, similarity, shardSize, systemPrompt);
    }
}
