package dev.parley.generation;

import dev.parley.conversation.ConversationKey;
import dev.parley.database.BulkStatement;
import dev.parley.database.Dialect;
import dev.parley.generation.GenerationResult.NotGenerated;
import dev.parley.provider.TokenUsage;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.stereotype.Repository;

/**
 * The tables {@code generation_logs}, the spend ledger with one row a call, and {@code failed_generations}. Thread-safe.
 *
 * <p>Entering the same answer twice makes one row: the id of a call that was answered derives from its answer.
 */
@Repository
public class GenerationLogs {
    private static final String CALL_COLUMNS = """
            id, conversation_id, item_id, run_id, attempt, provider, model, request_id, status, stop_reason, error_code,
            error_message, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, price_version,
            duration_ms, created_at
            """;

    private static final BulkStatement ENTER_CALLS = new BulkStatement(
            "INSERT INTO generation_logs (" + CALL_COLUMNS + ") SELECT " + CALL_COLUMNS + """
                      FROM json_to_recordset(:rows::json)
                           AS r(id uuid, conversation_id uuid, item_id uuid, run_id uuid, attempt integer, provider text,
                                model text, request_id text, status text, stop_reason text, error_code text,
                                error_message text, input_tokens bigint, output_tokens bigint, cache_read_tokens bigint,
                                cache_write_tokens bigint, cost_usd numeric, price_version text, duration_ms bigint,
                                created_at timestamptz)
                        ON CONFLICT DO NOTHING
                    RETURNING run_id, cost_usd
                    """,
            "INSERT INTO generation_logs (" + CALL_COLUMNS + """
                    ) VALUES (:id, :conversation_id, :item_id, :run_id, :attempt, :provider, :model, :request_id, :status,
                              :stop_reason, :error_code, :error_message, :input_tokens, :output_tokens, :cache_read_tokens,
                              :cache_write_tokens, :cost_usd, :price_version, :duration_ms, :created_at)
                        ON CONFLICT DO NOTHING
                    """);

    private static final String FAILURE_COLUMNS = """
            id, item_id, run_id, conversation_key, failure_type, stop_reason, error_code, error_message, raw_file_path,
            input_tokens, output_tokens
            """;

    private static final BulkStatement ENTER_FAILURES = new BulkStatement(
            "INSERT INTO failed_generations (" + FAILURE_COLUMNS + ") SELECT " + FAILURE_COLUMNS + """
                      FROM json_to_recordset(:rows::json)
                           AS r(id uuid, item_id uuid, run_id uuid, conversation_key uuid, failure_type text,
                                stop_reason text, error_code text, error_message text, raw_file_path text,
                                input_tokens bigint, output_tokens bigint)
                    """,
            "INSERT INTO failed_generations (" + FAILURE_COLUMNS + """
                    ) VALUES (:id, :item_id, :run_id, :conversation_key, :failure_type, :stop_reason, :error_code,
                              :error_message, :raw_file_path, :input_tokens, :output_tokens)
                    """);

    /** What queued items tell of their failure, unless it is on record: it is gone when they complete. */
    private static final String KEEP_FAILURES = """
            INSERT INTO failed_generations (id, item_id, run_id, conversation_key, error_code, error_message)
            SELECT gen_random_uuid(), i.id, i.batch_job_id, i.conversation_key, i.error_code, i.error_message
              FROM batch_items i
             WHERE i.batch_job_id = :job AND i.status = 'queued' AND i.error_code IS NOT NULL
               AND NOT EXISTS (SELECT 1
                                 FROM failed_generations f
                                WHERE f.item_id = i.id AND f.error_code = i.error_code AND f.error_message = i.error_message)
            """;

    private static final String TOTALS = """
            SELECT count(*) AS calls, COALESCE(sum(input_tokens + cache_read_tokens + cache_write_tokens), 0) AS input_tokens,
                   COALESCE(sum(cache_read_tokens), 0) AS cache_read_tokens,
                   COALESCE(sum(cache_write_tokens), 0) AS cache_write_tokens,
                   COALESCE(sum(output_tokens), 0) AS output_tokens, COALESCE(sum(cost_usd), 0) AS cost_usd,
                   count(*) - count(cost_usd) AS unknown_cost,
                   COALESCE(sum(CASE WHEN error_code = 'unknown_outcome' THEN 1 ELSE 0 END), 0) AS unknown_outcome
              FROM generation_logs
             WHERE run_id = :job
            """;

    private static final String UNKNOWN_OUTCOMES = """
            SELECT run_id, count(*) AS calls
              FROM generation_logs
             WHERE run_id IN (:jobs) AND error_code = 'unknown_outcome'
             GROUP BY run_id
            """;

    private static final String CALLS = """
            SELECT attempt, created_at, provider, model, request_id, status, stop_reason, error_code, error_message,
                   input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, price_version, duration_ms
              FROM generation_logs
             WHERE item_id = :item
             ORDER BY created_at, attempt, id
            """;

    private static final String USAGE = """
            SELECT l.input_tokens, l.output_tokens, l.cache_read_tokens, l.cache_write_tokens
              FROM generation_logs l
              JOIN conversations c ON c.conversation_id = l.conversation_id
             WHERE l.run_id IN (:jobs) AND l.status = 'success' AND c.template_id = :template
               AND (l.model = :model OR l.model LIKE :snapshot)
             LIMIT :limit
            """;

    private final NamedParameterJdbcTemplate jdbc;
    private final Dialect dialect;

    public GenerationLogs(NamedParameterJdbcTemplate jdbc, Dialect dialect) {
        this.jdbc = jdbc;
        this.dialect = dialect;
    }

    /**
     * What belongs to one item's attempt.
     *
     * @param unanswered how many calls of earlier attempts never came to anybody's knowledge, because their process is gone
     */
    public record Entry(
            UUID jobId, UUID itemId, ConversationKey key, int attempt, int unanswered, GenerationResult result) {}

    /**
     * A call that was not in the ledger before.
     *
     * @param costUsd null when nobody knows
     */
    public record Entered(UUID jobId, @Nullable BigDecimal costUsd) {}

    /** Enters all calls, and the failures among the results, in the caller's transaction; returns the calls that are new. */
    public List<Entered> enter(Collection<Entry> entries) {
        List<Map<String, @Nullable Object>> failures = new ArrayList<>();
        for (Entry entry : entries) {
            if (entry.result() instanceof NotGenerated failed && failed.type() != null) {
                failures.add(failureRow(entry, failed, failed.type()));
            }
        }
        ENTER_FAILURES.update(jdbc, dialect, failures);
        return enterCalls(entries);
    }

    /** Enters all calls and nothing else, for results that came too late to be recorded; returns those that are new. */
    public List<Entered> enterCalls(Collection<Entry> entries) {
        List<Map<String, @Nullable Object>> calls = new ArrayList<>();
        for (Entry entry : entries) {
            entry.result().calls().forEach(call -> calls.add(callRow(entry, call)));
            // Had an earlier call's answer been stored, this attempt would have found it and made none.
            entry.result().calls().stream()
                    .filter(ProviderCall::made)
                    .findFirst()
                    .ifPresent(call -> {
                        for (int n = 1; n <= entry.unanswered(); n++) {
                            calls.add(unansweredRow(entry, call, n));
                        }
                    });
        }
        if (calls.isEmpty()) {
            return List.of();
        }
        if (dialect == Dialect.POSTGRESQL) {
            return ENTER_CALLS.returning(
                    jdbc, calls, (row, n) -> new Entered(row.getObject(1, UUID.class), row.getBigDecimal(2)));
        }
        List<Entered> entered = new ArrayList<>(calls.size());
        int[] counts = ENTER_CALLS.batch(jdbc, calls);
        for (int i = 0; i < counts.length; i++) {
            if (counts[i] == 1) {
                Map<String, @Nullable Object> row = calls.get(i);
                UUID job = (UUID) Objects.requireNonNull(row.get("run_id"));
                entered.add(new Entered(job, (BigDecimal) row.get("cost_usd")));
            }
        }
        return entered;
    }

    /**
     * What calls of some jobs for a template took.
     *
     * @param model with its dated snapshots
     * @param limit of the sample
     */
    public List<TokenUsage> usage(Collection<UUID> jobs, UUID template, String model, int limit) {
        return jobs.isEmpty()
                ? List.of()
                : jdbc.query(
                        USAGE,
                        Map.of(
                                "jobs",
                                jobs,
                                "template",
                                template,
                                "model",
                                model,
                                "snapshot",
                                model + "-20%",
                                "limit",
                                limit),
                        (row, n) -> new TokenUsage(
                                row.getLong("input_tokens"),
                                row.getLong("output_tokens"),
                                row.getLong("cache_read_tokens"),
                                row.getLong("cache_write_tokens"),
                                0));
    }

    /** Keeps what a job's queued items tell of their failure, in the caller's transaction: it is gone when they complete. */
    public void keepFailures(UUID job) {
        jdbc.update(KEEP_FAILURES, Map.of("job", job));
    }

    /** How many calls of each of these jobs have an outcome nobody knows; a job that has none is not in the result. */
    public Map<UUID, Long> unknownOutcomes(Collection<UUID> jobs) {
        Map<UUID, Long> calls = new HashMap<>();
        if (!jobs.isEmpty()) {
            jdbc.query(UNKNOWN_OUTCOMES, Map.of("jobs", jobs), row -> {
                calls.put(row.getObject("run_id", UUID.class), row.getLong("calls"));
            });
        }
        return calls;
    }

    /** What was called for an item, oldest first. */
    public List<LoggedCall> callsOf(UUID item) {
        return jdbc.query(CALLS, Map.of("item", item), LoggedCall::of);
    }

    /** What a job's calls came to. */
    public Totals totals(UUID jobId) {
        return jdbc.queryForObject(
                TOTALS,
                Map.of("job", jobId),
                (row, n) -> new Totals(
                        row.getLong("calls"),
                        row.getLong("input_tokens"),
                        row.getLong("cache_read_tokens"),
                        row.getLong("cache_write_tokens"),
                        row.getLong("output_tokens"),
                        row.getBigDecimal("cost_usd"),
                        row.getLong("unknown_cost"),
                        row.getLong("unknown_outcome")));
    }

    /**
     * @param inputTokens whole prompts, cached or not
     * @param cacheReadTokens how many of them the provider's cache had
     * @param cacheWriteTokens how many of them were written to it
     * @param costUsd of the calls whose cost is known
     * @param unknownCost calls that may have been billed, nobody knows with how much; those of {@code unknownOutcome} among
     *     them
     * @param unknownOutcome at most so many calls were in flight when their process died or was stopped short, and were made
     *     again: what they ask for may have been paid for twice
     */
    public record Totals(
            long calls,
            long inputTokens,
            long cacheReadTokens,
            long cacheWriteTokens,
            long outputTokens,
            BigDecimal costUsd,
            long unknownCost,
            long unknownOutcome) {}

    /** The n-th call of an item of which nothing is known, not even that it was made. */
    private static Map<String, @Nullable Object> unansweredRow(Entry entry, ProviderCall next, int n) {
        ProviderCall unanswered = new ProviderCall(
                UUID.nameUUIDFromBytes((entry.itemId() + " unanswered " + n).getBytes(StandardCharsets.UTF_8)),
                next.provider(),
                next.model(),
                null,
                ProviderCall.Status.FAILED,
                null,
                "unknown_outcome",
                "the process that had the item is gone; if it had called already, the call may have been paid for",
                TokenUsage.NONE,
                null,
                null,
                null,
                next.at(),
                true);
        Map<String, @Nullable Object> row = callRow(entry, unanswered);
        row.put("attempt", Math.max(1, entry.attempt() - 1));
        return row;
    }

    private static Map<String, @Nullable Object> callRow(Entry entry, ProviderCall call) {
        Map<String, @Nullable Object> row = new HashMap<>();
        row.put("id", call.id());
        row.put("conversation_id", entry.key().value());
        row.put("item_id", entry.itemId());
        row.put("run_id", entry.jobId());
        row.put("attempt", entry.attempt());
        row.put("provider", call.provider());
        row.put("model", call.model());
        row.put("request_id", call.requestId());
        row.put("status", call.status().name().toLowerCase(Locale.ROOT));
        row.put("stop_reason", call.stopReason());
        row.put("error_code", call.errorCode());
        row.put("error_message", call.errorMessage());
        row.put("input_tokens", call.usage().input());
        row.put("output_tokens", call.usage().output());
        row.put("cache_read_tokens", call.usage().cacheRead());
        row.put("cache_write_tokens", call.usage().cacheWrite());
        row.put("cost_usd", call.costUsd());
        row.put("price_version", call.priceVersion());
        row.put("duration_ms", call.duration() == null ? null : call.duration().toMillis());
        row.put("created_at", call.at().atOffset(ZoneOffset.UTC));
        return row;
    }

    private static Map<String, @Nullable Object> failureRow(
            Entry entry, NotGenerated failed, GenerationResult.FailureType type) {
        Map<String, @Nullable Object> row = new HashMap<>();
        row.put("id", UUID.randomUUID());
        row.put("item_id", entry.itemId());
        row.put("run_id", entry.jobId());
        row.put("conversation_key", entry.key().value());
        row.put("failure_type", type.name().toLowerCase(Locale.ROOT));
        row.put("stop_reason", failed.stopReason());
        row.put("error_code", failed.failure().code());
        row.put("error_message", failed.failure().detail());
        row.put(
                "raw_file_path",
                failed.conversation() == null ? null : failed.conversation().rawPath());
        row.put(
                "input_tokens",
                failed.calls().stream().mapToLong(c -> c.usage().prompt()).sum());
        row.put(
                "output_tokens",
                failed.calls().stream().mapToLong(c -> c.usage().output()).sum());
        return row;
    }
}
