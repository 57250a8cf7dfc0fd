package dev.parley.export;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import tools.jackson.databind.json.JsonMapper;

/**
 * Where an export stands after a finished set of files, as the execution context keeps it, in JSON: all that a restart needs,
 * and all that the data card says.
 */
final class ExportState {
    static final String KEY = "export";
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final int NAMED = 20;

    /** The last key in the finished files. */
    @JsonProperty
    @Nullable
    UUID after;

    /** Conversations read so far; also the sequence number of the next one. */
    @JsonProperty
    long read;

    @JsonProperty
    int shards;

    @JsonProperty
    long duplicates;

    @JsonProperty
    long unreadable;

    /** The first ones. */
    @JsonProperty
    List<UUID> unreadableKeys = new ArrayList<>();

    @JsonProperty
    List<DataCard.File> files = new ArrayList<>();

    @JsonProperty
    Map<String, Long> models = new TreeMap<>();

    /** By name and version. */
    @JsonProperty
    Map<String, Long> templates = new TreeMap<>();

    @JsonProperty
    Map<String, Long> tiers = new TreeMap<>();

    @JsonProperty
    long inputTokens;

    @JsonProperty
    long outputTokens;

    @JsonProperty
    BigDecimal costUsd = BigDecimal.ZERO;

    @JsonProperty
    @Nullable
    Instant firstCreated;

    @JsonProperty
    @Nullable
    Instant lastCreated;

    @JsonProperty
    QualityTally quality = new QualityTally();

    static ExportState of(ExecutionContext context) {
        return context.containsKey(KEY) ? JSON.readValue(context.getString(KEY), ExportState.class) : new ExportState();
    }

    void store(ExecutionContext context) {
        context.putString(KEY, JSON.writeValueAsString(this));
    }

    ExportState copy() {
        return JSON.readValue(JSON.writeValueAsString(this), ExportState.class);
    }

    @Nullable
    UUID after() {
        return after;
    }

    void unreadable(UUID key) {
        unreadable++;
        if (unreadableKeys.size() < NAMED) {
            unreadableKeys.add(key);
        }
    }

    void add(Exported exported) {
        ConversationRow row = exported.row();
        if (exported.document() != null) {
            quality.add(row, exported.document().turns());
        }
        QualityTally.countFree(models, row.model() == null ? "unknown" : row.model());
        QualityTally.countFree(
                templates,
                row.templateName() == null
                        ? "unknown"
                        : row.templateName() + " v" + (row.templateVersion() == null ? "?" : row.templateVersion()));
        QualityTally.countFree(tiers, row.tier() == null ? "unknown" : row.tier());
        inputTokens += row.inputTokens() == null ? 0 : row.inputTokens();
        outputTokens += row.outputTokens() == null ? 0 : row.outputTokens();
        costUsd = row.costUsd() == null ? costUsd : costUsd.add(row.costUsd());
        Instant created = row.createdAt();
        firstCreated = firstCreated == null || created.isBefore(firstCreated) ? created : firstCreated;
        lastCreated = lastCreated == null || created.isAfter(lastCreated) ? created : lastCreated;
    }
}
