package dev.parley.archive;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The real client against the wire protocol. */
class GcsObjectStoreTests {
    private static final String BUCKET = "conversation-files";
    private static final ObjectName RAW = new ObjectName(BUCKET, "raw/u-1/c-1_raw.json");
    private static final byte[] PAID = "paid for".getBytes(UTF_8);
    private static final byte[] OTHER = "another!".getBytes(UTF_8);
    private static final String JSON = "application/json";

    private final FakeGcs gcs = new FakeGcs();
    private final GcsObjectStore store = ArchiveFixtures.gcsStore(gcs);

    @BeforeEach
    void makeBucket() {
        gcs.bucket(BUCKET);
    }

    @AfterEach
    void stop() {
        gcs.close();
    }

    @Test
    void smallObjectTakesOneRequest() {
        store.create(RAW, PAID, JSON);

        assertThat(gcs.requests())
                .singleElement()
                .asString()
                .startsWith("POST ")
                .contains("uploadType=multipart", "ifGenerationMatch=0");
        assertThat(gcs.object(BUCKET, RAW.path()).orElseThrow().contentType()).isEqualTo(JSON);
        assertThat(store.locate(RAW)).isEqualTo("gs://conversation-files/raw/u-1/c-1_raw.json");
    }

    @Test
    void createIsRepeatedAfterTheServiceWasUnavailable() {
        gcs.fail(503, 503, 429);

        assertThat(store.create(RAW, PAID, JSON)).isTrue();

        assertThat(gcs.requests()).hasSize(4);
    }

    @Test
    void lostAnswerToACreateIsASuccess() {
        gcs.loseAnswers(1);

        boolean created = store.create(RAW, PAID, JSON);

        assertThat(created).isTrue();
        assertThat(gcs.object(BUCKET, RAW.path()).orElseThrow().content()).isEqualTo(PAID);
    }

    @Test
    void anotherObjectOfThatNameIsAConflict() {
        gcs.put(BUCKET, RAW.path(), OTHER, JSON);

        assertThat(store.create(RAW, PAID, JSON)).isFalse();

        assertThat(gcs.object(BUCKET, RAW.path()).orElseThrow().content()).isEqualTo(OTHER);
    }

    @Test
    void overwritingNamesTheGenerationAndIsRepeated() {
        gcs.put(BUCKET, RAW.path(), OTHER, JSON);
        long generation = gcs.object(BUCKET, RAW.path()).orElseThrow().generation();
        gcs.fail(503);
        gcs.loseAnswers(1);

        store.write(RAW, PAID, JSON);

        assertThat(gcs.object(BUCKET, RAW.path()).orElseThrow().content()).isEqualTo(PAID);
        assertThat(gcs.requests())
                .filteredOn(request -> request.startsWith("POST"))
                .allSatisfy(request -> assertThat(request).contains("ifGenerationMatch=" + generation));
    }

    @Test
    void overtakenWriteIsTriedAgain() {
        gcs.beforeNextUpload(() -> gcs.put(BUCKET, RAW.path(), OTHER, JSON));

        store.write(RAW, PAID, JSON);

        assertThat(gcs.object(BUCKET, RAW.path()).orElseThrow().content()).isEqualTo(PAID);
    }

    @Test
    void overtakenUpdateStartsFromTheRivalsBytes() {
        gcs.beforeNextUpload(() -> gcs.put(BUCKET, RAW.path(), OTHER, JSON));

        store.update(RAW, JSON, ArchiveFixtures.text(there -> there + "+"));

        assertThat(gcs.object(BUCKET, RAW.path()).orElseThrow().text()).isEqualTo("another!+");
    }

    @Test
    void updateThatChangesNothingUploadsNothing() {
        gcs.put(BUCKET, RAW.path(), OTHER, JSON);

        store.update(RAW, JSON, ArchiveFixtures.text(there -> there));

        assertThat(gcs.requests()).noneMatch(request -> request.startsWith("POST"));
    }

    @Test
    void readIsRepeatedAfterTheServiceWasUnavailable() {
        gcs.put(BUCKET, RAW.path(), PAID, JSON);
        gcs.fail(503);

        assertThat(store.read(RAW)).hasValue(PAID);
    }

    @Test
    void missingBucketIsNoEmptyAnswer() {
        ObjectName elsewhere = new ObjectName("nowhere", "raw/x.json");

        assertThatThrownBy(() -> store.read(elsewhere))
                .isInstanceOf(StoreException.class)
                .hasMessage("Cannot read gs://nowhere/raw/x.json: HTTP 404 notFound:"
                        + " The specified bucket does not exist.");
        assertThatThrownBy(() -> store.create(elsewhere, PAID, JSON)).hasMessageContaining("HTTP 404");
        assertThatThrownBy(() -> store.write(elsewhere, PAID, JSON)).hasMessageContaining("HTTP 404");
    }

    @Test
    void lastingFailureNamesObjectCodeAndReason() {
        gcs.fail(403);

        assertThatThrownBy(() -> store.create(RAW, PAID, JSON))
                .isInstanceOf(StoreException.class)
                .hasMessage("Cannot create gs://conversation-files/raw/u-1/c-1_raw.json:"
                        + " HTTP 403 injected: Injected failure.");
    }

    @Test
    void serviceThatIsAwayIsAStoreException() {
        gcs.close();

        assertThatThrownBy(() -> store.read(RAW))
                .isInstanceOf(StoreException.class)
                .hasMessageStartingWith("Cannot read gs://conversation-files/raw/u-1/c-1_raw.json: no answer: ");
    }

    @Test
    @DisplayName("A45: a missing bucket is created where that is allowed")
    void missingBucketIsCreated() {
        store.ensureBucket("batch-logs");
        store.ensureBucket("batch-logs");

        assertThat(gcs.hasBucket("batch-logs")).isTrue();
    }

    @Test
    void bucketThatMayNotBeCreatedIsNamedWithThePermission() {
        gcs.forbid("storage.buckets.create");

        assertThatThrownBy(() -> store.ensureBucket("batch-logs"))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("gs://batch-logs")
                .hasMessageContaining("storage.buckets.create")
                .hasMessageContaining("HTTP 403");
    }

    @Test
    void bucketThatMayOnlyBeUsedIsFoundByListing() {
        gcs.forbid("storage.buckets.get");

        store.ensureBucket(BUCKET);

        assertThat(gcs.requests()).hasSize(2);
    }

    @Test
    void bucketThatMayNotBeUsedAtAllIsNamed() {
        gcs.forbid("storage.buckets.get");
        gcs.forbid("storage.objects.list");

        assertThatThrownBy(() -> store.ensureBucket(BUCKET))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("gs://conversation-files")
                .hasMessageContaining("storage.objects.list");
    }

    @Test
    void bucketThatARivalCreatesAtTheSameMomentIsFine() {
        gcs.fail(404, 409);
        gcs.bucket("batch-logs");

        store.ensureBucket("batch-logs");

        assertThat(gcs.requests()).hasSize(3);
    }
}
