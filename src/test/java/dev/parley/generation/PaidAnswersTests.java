package dev.parley.generation;

import static dev.parley.generation.Samples.FINAL;
import static dev.parley.generation.Samples.KEY;
import static dev.parley.generation.Samples.RAW;
import static dev.parley.generation.Samples.document;
import static dev.parley.generation.Samples.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.parley.archive.StoreException;
import dev.parley.conversation.ConversationRecord.ProcessingStatus;
import dev.parley.generation.GenerationResult.Generated;
import dev.parley.generation.GenerationResult.NotGenerated;
import dev.parley.provider.Completion.StopReason;
import dev.parley.provider.ModelFailure.Next;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A18: whatever breaks after the call, a rerun finishes from what is kept, and nothing is paid for twice. */
class PaidAnswersTests {
    @TempDir
    Path spool;

    private final MemoryStore store = new MemoryStore();
    private final FakeProvider provider = new FakeProvider();
    private ConversationGenerator generator;

    @BeforeEach
    void createGenerator() {
        generator = new ConversationGenerator(
                Samples.CATALOG,
                store,
                "conversation-files",
                spool,
                Samples.settings(),
                (model, usage, batched, at) -> new Pricing.Price(BigDecimal.ONE, "v1"),
                Clock.systemUTC());
    }

    @Test
    void aStoreThatStumblesOnceIsAskedAgain() {
        provider.answers(document(4));
        store.failingCreates = 2;

        GenerationResult result = generator.generate(request(), provider);

        assertThat(result).isInstanceOf(Generated.class);
        assertThat(spool).isEmptyDirectory();
    }

    @Test
    void whileTheStoreCannotBeReadNothingIsCalled() {
        store.failingReads = 1;

        NotGenerated result = (NotGenerated) generator.generate(request(), provider);

        assertThat(result.failure().code()).isEqualTo("storage_failed");
        assertThat(result.failure().next()).isEqualTo(Next.RETRY);
        assertThat(result.failure().detail()).contains("conversation-files/" + RAW, "503 backend unavailable");
        assertThat(result.type()).isNull();
        assertThat(provider.calls()).isZero();
    }

    @Test
    void anAnswerTheStoreWillNotTakeIsSpooledAndTheRerunGoesOnFromThere() throws IOException {
        provider.answers(document(4));
        store.failingCreates = 3;

        NotGenerated first = (NotGenerated) generator.generate(request(), provider);
        byte[] spooled = Files.readAllBytes(spool.resolve(KEY + "_raw.json"));
        Generated second = (Generated) generator.generate(request(), provider);

        assertThat(first.failure().code()).isEqualTo("storage_failed");
        assertThat(first.failure().next()).isEqualTo(Next.RETRY);
        assertThat(first.failure().detail()).contains("503 backend unavailable", "the answer is kept in " + spool);
        assertThat(first.calls())
                .singleElement()
                .satisfies(call -> assertThat(call.usage()).isEqualTo(FakeProvider.USAGE));
        assertThat(first.conversation()).isNull();
        assertThat(provider.calls()).isEqualTo(1);
        assertThat(second.calls().get(0).id()).isEqualTo(first.calls().get(0).id());
        assertThat(store.objects.get(RAW)).isEqualTo(spooled);
        assertThat(spool).isEmptyDirectory();
    }

    @Test
    void aSpooledAnswerStaysThereWhileTheStoreIsAway() {
        provider.answers(document(4));
        store.failingCreates = 4;

        generator.generate(request(), provider);
        NotGenerated second = (NotGenerated) generator.generate(request(), provider);

        assertThat(second.failure().code()).isEqualTo("storage_failed");
        assertThat(spool.resolve(KEY + "_raw.json")).exists();
        assertThat(provider.calls()).isEqualTo(1);
    }

    @Test
    void whenTheSpoolFolderFailsTooNothingMoreIsPaidForAndBothCausesAreNamed() throws IOException {
        Path file = Files.createFile(spool.resolve("in-the-way"));
        ConversationGenerator unlucky = new ConversationGenerator(
                Samples.CATALOG,
                store,
                "conversation-files",
                file,
                Samples.settings(),
                (model, usage, batched, at) -> Pricing.Price.NOTHING,
                Clock.systemUTC());
        provider.answers(document(4));
        store.failingCreates = 3;

        NotGenerated result = (NotGenerated) unlucky.generate(request(), provider);

        assertThat(result.failure().code()).isEqualTo("answer_lost");
        assertThat(result.failure().next()).isEqualTo(Next.PAUSE_JOB);
        assertThat(result.failure().detail())
                .contains("503 backend unavailable", "the spool folder did not take the answer either", "in-the-way");
        assertThat(result.calls()).hasSize(1);
    }

    @Test
    void whenTheFinalFileCannotBeWrittenTheRerunParsesTheStoredAnswer() {
        provider.answers(document(4));
        store.failingWrites = 3;

        NotGenerated first = (NotGenerated) generator.generate(request(), provider);
        Generated second = (Generated) generator.generate(request(), provider);

        assertThat(first.failure().code()).isEqualTo("storage_failed");
        assertThat(first.failure().next()).isEqualTo(Next.RETRY);
        assertThat(first.conversation().processingStatus()).isEqualTo(ProcessingStatus.RAW_STORED);
        assertThat(second.conversation().filePath()).isEqualTo(FINAL);
        assertThat(provider.calls()).isEqualTo(1);
    }

    @Test
    void aProcessKilledAfterTheFinalFileFinishesByWritingTheSameBytesAgain() {
        provider.answers(document(4));
        generator.generate(request(), provider);
        byte[] before = store.objects.get(FINAL);

        generator.generate(request(), provider);

        assertThat(store.objects.get(FINAL)).isEqualTo(before);
        assertThat(provider.calls()).isEqualTo(1);
    }

    @Test
    void ofTwoProcessesThatBothPaidTheFirstStoredAnswerCountsAndTheOtherIsKept() {
        byte[] theirs = FakeProvider.envelope(StopReason.END_TURN, document(6));
        store.beforeCreate = () -> store.objects.putIfAbsent(RAW, theirs);
        provider.answers(document(4));

        Generated result = (Generated) generator.generate(request(), provider);
        Generated later = (Generated) generator.generate(request(), provider);

        assertThat(result.conversation().turnCount()).isEqualTo(6);
        assertThat(later.conversation().turnCount()).isEqualTo(6);
        assertThat(store.objects.get(RAW)).isEqualTo(theirs);
        assertThat(store.objects.keySet())
                .hasSize(3)
                .filteredOn(path -> path.contains(KEY + "_raw.spare-"))
                .singleElement()
                .satisfies(path -> assertThat(store.objects.get(path))
                        .isEqualTo(FakeProvider.envelope(StopReason.END_TURN, document(4))));
        assertThat(result.calls()).hasSize(2).extracting(ProviderCall::id).doesNotHaveDuplicates();
        assertThat(result.conversation().costUsd()).isEqualByComparingTo("1");
    }

    @Test
    void anInterruptDuringTheWriteDoesNotLoseTheAnswer() {
        provider.answers(document(4));
        store.beforeCreate = () -> {
            store.beforeCreate = () -> {};
            Thread.currentThread().interrupt();
            throw new StoreException("closed by interrupt", null);
        };

        GenerationResult result = generator.generate(request(), provider);

        assertThat(Thread.interrupted()).isTrue(); // still set for those who wait for it
        assertThat(result).isInstanceOf(Generated.class);
        assertThat(store.objects).containsKeys(RAW, FINAL);
    }

    @Test
    void anInterruptBeforeTheCallIsNoResult() {
        store.failingReads = 1;
        Thread.currentThread().interrupt();

        assertThatThrownBy(() -> generator.generate(request(), provider)).isInstanceOf(StoreException.class);

        assertThat(Thread.interrupted()).isTrue();
        assertThat(provider.calls()).isZero();
    }
}
