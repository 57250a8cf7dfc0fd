package dev.parley.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import dev.parley.TestDatabase;
import dev.parley.catalog.Tier;
import dev.parley.conversation.ConversationPk;
import dev.parley.database.Dialect;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

@ParameterizedClass
@EnumSource(TestDatabase.class)
class WorkListTests {
    private static final ClaimOwner OWNER = new ClaimOwner(-1, Duration.ofSeconds(30));

    private final HikariDataSource dataSource = new HikariDataSource();
    private final JdbcClient jdbc;
    private final BatchItems items;
    private final BatchJobs jobs;
    private final TransactionTemplate transaction;

    WorkListTests(TestDatabase database) {
        dataSource.setDataSource(database.empty()); // to connect takes longer than all that a test does with it
        dataSource.setMaximumPoolSize(20);
        jdbc = JdbcClient.create(dataSource);
        NamedParameterJdbcTemplate template = new NamedParameterJdbcTemplate(dataSource);
        Dialect dialect = Dialect.of(dataSource);
        items = new BatchItems(template, dialect);
        jobs = new BatchJobs(template, dialect);
        transaction = new TransactionTemplate(new JdbcTransactionManager(dataSource));
    }

    @BeforeEach
    void startEmpty() {
        jdbc.sql("DELETE FROM batch_jobs").update();
        jdbc.sql("DELETE FROM conversations").update();
    }

    @AfterEach
    void closeConnections() {
        dataSource.close();
    }

    @Test
    void itemsAreClaimedInTheOrderOfTheirPositions() { // A72
        UUID job = enqueue("a", 5, Priority.NORMAL);

        List<BatchItem> first = claim(3);
        List<BatchItem> second = claim(3);

        assertThat(first).extracting(BatchItem::position).containsExactly(1, 2, 3);
        assertThat(second).extracting(BatchItem::position).containsExactly(4, 5);
        assertThat(first).allSatisfy(item -> {
            assertThat(item.jobId()).isEqualTo(job);
            assertThat(item.attempts()).isEqualTo(1);
        });
        assertThat(jobs.find(job).orElseThrow().status()).isEqualTo(JobStatus.PROCESSING);
    }

    @Test
    void noItemIsClaimedTwiceHoweverManyAsk() throws Exception { // A72
        enqueue("a", 200, Priority.NORMAL);
        ExecutorService askers = Executors.newFixedThreadPool(8);

        // H2 counts rows that it skips against the limit, so an empty claim is not yet the end
        List<Future<List<BatchItem>>> answers = IntStream.range(0, 8)
                .mapToObj(n -> askers.submit(() -> {
                    List<BatchItem> mine = new ArrayList<>();
                    while (queued() > 0) {
                        mine.addAll(claim(7));
                    }
                    return mine;
                }))
                .toList();

        List<UUID> all = new ArrayList<>();
        for (Future<List<BatchItem>> answer : answers) {
            answer.get().forEach(item -> all.add(item.id()));
        }
        askers.shutdown();
        assertThat(all).hasSize(200).doesNotHaveDuplicates();
    }

    @Test
    void whileAnItemGoesToAndFroThereIsAlwaysSomethingLeft() throws Exception { // a run would end with work to do
        UUID job = enqueue("a", 1, Priority.NORMAL);
        ExecutorService other = Executors.newSingleThreadExecutor();
        Future<?> toAndFro = other.submit(() -> {
            for (int n = 0; n < 1_000; n++) {
                items.release(claim(1));
            }
        });

        int looks = 0;
        while (!toAndFro.isDone()) {
            assertThat(items.nextDue(List.of(job))).as("look %d", ++looks).isPresent();
        }

        toAndFro.get();
        other.shutdown();
        assertThat(looks).isGreaterThan(50);
    }

    @Test
    void highComesBeforeNormalBeforeLow() {
        enqueue("low", 2, Priority.LOW);
        enqueue("normal", 2, Priority.NORMAL);
        enqueue("high", 2, Priority.HIGH);

        List<String> order =
                IntStream.range(0, 6).mapToObj(n -> nameOf(claim(1))).toList();

        assertThat(order).containsExactly("high", "high", "normal", "normal", "low", "low");
    }

    @Test
    void aSmallJobIsNotStarvedByALargeOne() {
        enqueue("large", 1_000, Priority.NORMAL);
        enqueue("small", 10, Priority.NORMAL);

        List<BatchItem> claimed = claim(20);

        assertThat(claimed)
                .filteredOn(item -> nameOf(List.of(item)).equals("small"))
                .hasSize(10);
        assertThat(claimed).hasSize(20);
    }

    @Test
    void anOutcomeIsRecordedWithItsCountersAndTheLastOneClosesTheJob() { // A13, A19, A54
        UUID job = enqueue("a", 8, Priority.NORMAL);
        List<BatchItem> claimed = claim(8);

        for (BatchItem item : claimed.subList(0, 7)) {
            complete(item);
        }
        JobStatus before = jobs.find(job).orElseThrow().status();
        fail(claimed.get(7), "unavailable", "HTTP 500 api_error: try later");

        BatchJob done = jobs.find(job).orElseThrow();
        assertThat(before).isEqualTo(JobStatus.PROCESSING);
        assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.successfulItems()).isEqualTo(7);
        assertThat(done.failedItems()).isEqualTo(1);
        assertThat(done.percentage()).isEqualTo(100);
        assertThat(done.successRate()).isEqualTo(87.5);
        assertThat(done.actualCost()).isEqualByComparingTo("0.07");
        assertThat(jobs.lastItemErrors(List.of(job)).get(job)).isEqualTo("HTTP 500 api_error: try later"); // A48
        assertThat(jobs.failuresByCause(job))
                .containsExactly(new BatchJobs.Cause("unavailable", true, 1, "HTTP 500 api_error: try later"));
    }

    @Test
    void aJobWhoseItemsAllFailedIsFailed() {
        UUID job = enqueue("a", 2, Priority.NORMAL);

        claim(2).forEach(item -> fail(item, "refused", "the model declined"));

        assertThat(jobs.find(job).orElseThrow().status()).isEqualTo(JobStatus.FAILED);
    }

    @Test
    void concurrentCompletionsLoseNoCount() throws Exception { // A19
        UUID job = enqueue("a", 100, Priority.NORMAL);
        List<BatchItem> claimed = claim(100);
        ExecutorService writers = Executors.newFixedThreadPool(8);

        List<Future<?>> writes = new ArrayList<>();
        claimed.forEach(item -> writes.add(writers.submit(() -> complete(item))));
        for (Future<?> write : writes) {
            write.get();
        }
        writers.shutdown();

        assertThat(jobs.find(job).orElseThrow().successfulItems()).isEqualTo(100);
    }

    @Test
    void aLateWriteOfAFormerOwnerChangesNothing() {
        enqueue("a", 1, Priority.NORMAL);
        BatchItem former = claim(1).get(0);
        jdbc.sql("UPDATE batch_items SET lease_until = CURRENT_TIMESTAMP - INTERVAL '1' SECOND")
                .update();

        int rescued = items.rescueExpired();
        BatchItem current = claim(1).get(0);
        Set<UUID> lost =
                transaction.execute(s -> items.record(List.of(new Outcome.Failed(former, "late", "late", false))));

        assertThat(rescued).isEqualTo(1);
        assertThat(current.attempts()).isEqualTo(2);
        assertThat(lost).containsExactly(former.id());
        assertThat(status()).isEqualTo("processing");
    }

    @Test
    void aLeaseThatIsRenewedIsNotRescued() {
        enqueue("a", 1, Priority.NORMAL);
        claim(1);
        jdbc.sql("UPDATE batch_items SET lease_until = CURRENT_TIMESTAMP - INTERVAL '1' SECOND")
                .update();

        int renewed = items.renew(OWNER);

        assertThat(renewed).isEqualTo(1);
        assertThat(items.rescueExpired()).isZero();
    }

    @Test
    void aPostponedItemIsClaimedAgainWhenItIsDueAfterWhatWasNeverTried() {
        enqueue("a", 3, Priority.NORMAL);
        BatchItem first = claim(1).get(0);

        transaction.execute(s -> items.record(
                List.of(new Outcome.Postponed(first, "rate_limited", "HTTP 429", Duration.ofHours(1), false))));
        List<Integer> others = claim(5).stream().map(BatchItem::position).toList();
        Duration wait = items.nextDue(List.of()).orElseThrow();
        jdbc.sql("UPDATE batch_items SET available_at = CURRENT_TIMESTAMP WHERE status = 'queued'")
                .update();
        BatchItem again = claim(1).get(0);

        assertThat(others).containsExactly(2, 3);
        assertThat(wait).isPositive().isLessThan(Duration.ofHours(1));
        assertThat(again.id()).isEqualTo(first.id());
        assertThat(again.attempts()).as("told to wait, so not counted").isEqualTo(1);
    }

    @Test
    void aReleasedItemIsAsIfItHadNeverBeenClaimed() {
        enqueue("a", 2, Priority.NORMAL);
        List<BatchItem> claimed = claim(2);

        items.release(claimed);
        List<BatchItem> again = claim(2);

        assertThat(again).extracting(BatchItem::position).containsExactly(1, 2);
        assertThat(again).extracting(BatchItem::attempts).containsOnly(1);
    }

    @Test
    void nothingIsDueOnceNothingIsLeft() {
        enqueue("a", 1, Priority.NORMAL);
        Optional<Duration> before = items.nextDue(List.of());

        complete(claim(1).get(0));

        assertThat(before).contains(Duration.ZERO);
        assertThat(items.nextDue(List.of())).isEmpty();
    }

    @Test
    void nothingOfAPausedJobIsClaimed() {
        UUID job = enqueue("a", 2, Priority.NORMAL);

        boolean paused = jobs.pause(job, "HTTP 402 billing_error: add credit");

        assertThat(paused).isTrue();
        assertThat(claim(2)).isEmpty();
        assertThat(jobs.find(job).orElseThrow().statusReason()).isEqualTo("HTTP 402 billing_error: add credit");
        assertThat(jobs.resume(job)).isTrue();
        assertThat(claim(2)).hasSize(2);
    }

    @Test
    void cancellingFailsWhatIsQueuedAndKeepsWhatSucceeded() {
        UUID job = enqueue("a", 3, Priority.NORMAL);
        complete(claim(1).get(0));

        boolean cancelled = jobs.cancel(job, "cancelled by the operator");

        BatchJob after = jobs.find(job).orElseThrow();
        assertThat(cancelled).isTrue();
        assertThat(after.status()).isEqualTo(JobStatus.CANCELLED);
        assertThat(after.successfulItems()).isEqualTo(1);
        assertThat(after.failedItems()).isEqualTo(2);
        assertThat(jobs.failuresByCause(job)).extracting(BatchJobs.Cause::code).containsExactly("cancelled");
    }

    @Test
    void theSameSourceMakesOneJobUnlessItIsWantedAgain() {
        NewJob file = newJob("a", 2, Priority.NORMAL, "demo.yaml@1234");

        BatchJobs.Enqueued first = jobs.enqueue(file, false);
        BatchJobs.Enqueued second = jobs.enqueue(file, false);
        BatchJobs.Enqueued third = jobs.enqueue(file, true);
        BatchJobs.Enqueued fourth = jobs.enqueue(file, true);

        assertThat(first.created()).isTrue();
        assertThat(second).isEqualTo(new BatchJobs.Enqueued(first.jobId(), false));
        assertThat(new HashSet<>(List.of(first.jobId(), third.jobId(), fourth.jobId())))
                .hasSize(3);
        assertThat(third.created() && fourth.created()).isTrue();
    }

    @Test
    void aJobWithoutItemsIsCompleteAtOnce() {
        UUID job = enqueue("a", 0, Priority.NORMAL);

        BatchJob done = jobs.find(job).orElseThrow();

        assertThat(done.status()).isEqualTo(JobStatus.COMPLETED);
        assertThat(done.percentage()).isEqualTo(100);
    }

    @Test
    void theSameCombinationMayBeThereTwice() { // A65
        UUID job = enqueue("a", 2, Priority.NORMAL);

        assertThat(jdbc.sql("SELECT count(DISTINCT conversation_key) FROM batch_items WHERE batch_job_id = :job")
                        .param("job", job)
                        .query(Long.class)
                        .single())
                .isEqualTo(2);
    }

    @Test
    void parametersAreReadInEveryKnownSpelling() { // A62, A63
        String incident = """
                {"persona_id":"aa514346-cd61-42ac-adad-498934975402","emotional_arc_id":"33d2ac3e-3f92-44a5-a53d-788fdece2545",
                 "training_topic_id":"aee7b6c2-42e2-4ef4-8184-be12abe38eb5","tier":"template",
                 "templateId":"00000000-0000-0000-0000-000000000000"}
                """;
        UUID template = UUID.randomUUID();

        ItemParameters parsed = ItemParameters.parse(incident);
        ItemParameters snake = ItemParameters.parse(
                incident.replace("templateId", "template_id").replace(new UUID(0, 0).toString(), template.toString()));

        assertThat(parsed.personaId()).hasToString("aa514346-cd61-42ac-adad-498934975402");
        assertThat(parsed.tier()).isEqualTo(Tier.TEMPLATE);
        assertThat(parsed.templateId()).isNull();
        assertThat(snake.templateId()).isEqualTo(template);
        assertThatThrownBy(() -> ItemParameters.parse("{}")).hasMessage("parameters: persona_id is missing");
    }

    private List<BatchItem> claim(int limit) {
        return transaction.execute(s -> items.claim(List.of(), limit, OWNER));
    }

    private void complete(BatchItem item) {
        transaction.executeWithoutResult(s -> {
            jdbc.sql("INSERT INTO conversations (conversation_id) VALUES (:key)")
                    .param("key", item.conversationKey().value())
                    .update();
            UUID pk = jdbc.sql("SELECT id FROM conversations WHERE conversation_id = :key")
                    .param("key", item.conversationKey().value())
                    .query(UUID.class)
                    .single();
            assertThat(items.record(List.of(new Outcome.Completed(item, new ConversationPk(pk)))))
                    .isEmpty();
            jobs.count(item.jobId(), 1, 0, Spending.NONE.plus(new BigDecimal("0.01")));
        });
    }

    private void fail(BatchItem item, String code, String message) {
        transaction.executeWithoutResult(s -> {
            assertThat(items.record(List.of(new Outcome.Failed(item, code, message, true))))
                    .isEmpty();
            jobs.count(item.jobId(), 0, 1, Spending.NONE);
        });
    }

    private String nameOf(List<BatchItem> claimed) {
        return jobs.find(claimed.get(0).jobId()).orElseThrow().name();
    }

    private long queued() {
        return jdbc.sql("SELECT count(*) FROM batch_items WHERE status = 'queued'")
                .query(Long.class)
                .single();
    }

    private String status() {
        return jdbc.sql("SELECT status FROM batch_items").query(String.class).single();
    }

    private UUID enqueue(String name, int count, Priority priority) {
        return transaction
                .execute(s -> jobs.enqueue(newJob(name, count, priority, null), false))
                .jobId();
    }

    private static NewJob newJob(String name, int count, Priority priority, String source) {
        ItemParameters parameters =
                new ItemParameters(UUID.randomUUID(), UUID.randomUUID(), UUID.randomUUID(), Tier.TEMPLATE, null);
        return new NewJob(
                name,
                null,
                source,
                Tier.TEMPLATE,
                priority,
                ErrorHandling.CONTINUE,
                JobSettings.DEFAULTS,
                null,
                null,
                null,
                IntStream.range(0, count)
                        .mapToObj(n -> new NewJob.Item(parameters, "a topic"))
                        .toList());
    }
}
