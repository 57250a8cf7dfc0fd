package dev.parley.archive;

import com.google.api.gax.retrying.RetrySettings;
import com.google.auth.oauth2.GoogleCredentials;
import com.google.cloud.BaseServiceException;
import com.google.cloud.NoCredentials;
import com.google.cloud.storage.Blob;
import com.google.cloud.storage.BlobId;
import com.google.cloud.storage.BlobInfo;
import com.google.cloud.storage.BucketInfo;
import com.google.cloud.storage.BucketInfo.IamConfiguration;
import com.google.cloud.storage.BucketInfo.PublicAccessPrevention;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.Storage.BlobField;
import com.google.cloud.storage.Storage.BlobGetOption;
import com.google.cloud.storage.Storage.BlobListOption;
import com.google.cloud.storage.Storage.BlobTargetOption;
import com.google.cloud.storage.Storage.BlobWriteOption;
import com.google.cloud.storage.Storage.BucketField;
import com.google.cloud.storage.Storage.BucketGetOption;
import com.google.cloud.storage.StorageException;
import com.google.cloud.storage.StorageOptions;
import dev.parley.archive.ArchiveSettings.Gcs;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Objects in Google Cloud Storage. The client is built by the first operation.
 *
 * <p>Every upload carries a precondition (does not exist, or a known generation): only then does the
 * client repeat it by itself after a lost connection, a 429 or a 5xx. A 412 may therefore be the echo of an upload of ours
 * whose answer was lost, and only a differing CRC32C makes it a conflict.
 *
 * <p>The client speaks through the JDK's {@code HttpURLConnection}, which keeps five idle connections; here it is told to
 * keep {@value #CONNECTIONS}, unless {@code http.maxConnections} is set. Nothing else in this program uses that class.
 *
 * @see <a href="https://docs.cloud.google.com/storage/docs/retry-strategy">Retry strategy: conditional idempotency</a>
 */
final class GcsObjectStore implements ObjectStore {
    private static final String CONNECTIONS = "64";
    private static final int NOT_FOUND = 404;
    private static final int FORBIDDEN = 403;
    private static final int CONFLICT = 409;
    private static final int PRECONDITION_FAILED = 412;
    private static final int LONGEST_MESSAGE = 300;

    /** Up to so many bytes of a file are sent in one request. */
    private static final int SMALL = 1 << 20;

    /** With the pauses between them about a minute: enough for dozens of processes that finish a job together. */
    private static final int ATTEMPTS = 30;

    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(4);

    private final Gcs settings;
    private final RetrySettings retries;
    private @Nullable Storage storage;

    GcsObjectStore(Gcs settings) {
        // The client's own first pause is a second, in which a lane would do nothing; doubling it seven times instead
        // of
        // five keeps its patience of about half a minute.
        this(
                settings,
                StorageOptions.getDefaultRetrySettings().toBuilder()
                        .setInitialRetryDelayDuration(Duration.ofMillis(200))
                        .setMaxAttempts(8)
                        .build());
    }

    GcsObjectStore(Gcs settings, RetrySettings retries) {
        this.settings = settings;
        this.retries = retries;
    }

    @Override
    public void ensureBucket(String bucket) {
        run("find bucket", "gs://" + bucket, () -> {
            if (!exists(bucket)) {
                create(bucket);
            }
            return bucket;
        });
    }

    /** An account that may only use objects may not look at the bucket itself, but may list it. */
    private boolean exists(String bucket) {
        try {
            return storage().get(bucket, BucketGetOption.fields(BucketField.NAME)) != null;
        } catch (StorageException e) {
            if (e.getCode() != FORBIDDEN) {
                throw e;
            }
        }
        try {
            storage().list(bucket, BlobListOption.pageSize(1), BlobListOption.fields(BlobField.NAME));
            return true;
        } catch (StorageException e) {
            if (e.getCode() == NOT_FOUND) {
                return false;
            }
            if (e.getCode() == FORBIDDEN) {
                throw failed(
                        "use bucket",
                        "gs://" + bucket,
                        "storage.buckets.get or storage.objects.list is needed, or the name is another's; ",
                        e);
            }
            throw e;
        }
    }

    private void create(String bucket) {
        BucketInfo.Builder info = BucketInfo.newBuilder(bucket)
                .setIamConfiguration(IamConfiguration.newBuilder()
                        .setIsUniformBucketLevelAccessEnabled(true)
                        .setPublicAccessPrevention(PublicAccessPrevention.ENFORCED)
                        .build());
        if (isSet(settings.location())) {
            info.setLocation(settings.location());
        }
        try {
            storage().create(info.build());
        } catch (StorageException e) {
            if (e.getCode() == CONFLICT && exists(bucket)) {
                return; // another process made it at the same moment
            }
            throw failed(
                    "create the missing bucket",
                    "gs://" + bucket,
                    "create it by hand, or grant storage.buckets.create in the project; ",
                    e);
        }
    }

    @Override
    public boolean create(ObjectName object, byte[] content, String contentType) {
        return run("create", locate(object), () -> {
            try {
                upload(object, content, contentType, null);
                return true;
            } catch (StorageException e) {
                if (e.getCode() != PRECONDITION_FAILED) {
                    throw e;
                }
                return holds(metadata(object), content);
            }
        });
    }

    @Override
    public void write(ObjectName object, byte[] content, String contentType) {
        // Metadata suffices to know the generation: the old content need not be fetched.
        run(
                "write",
                locate(object),
                () -> whileOthersWrite(() -> {
                    Blob there = metadata(object);
                    if (!holds(there, content)) {
                        upload(object, content, contentType, there);
                    }
                    return content;
                }));
    }

    @Override
    public void upload(ObjectName object, Path file, String contentType) {
        run(
                "write",
                locate(object),
                () -> whileOthersWrite(() -> {
                    upload(object, file, contentType, metadata(object));
                    return object;
                }));
    }

    /** What is large is sent by a resumable upload: the client goes on with it by itself after a lost connection. */
    private void upload(ObjectName object, Path file, String contentType, @Nullable Blob over) {
        onDisk(() -> {
            if (Files.size(file) <= SMALL) {
                upload(object, Files.readAllBytes(file), contentType, over);
                return file;
            }
            return storage()
                    .createFrom(
                            BlobInfo.newBuilder(blobId(object))
                                    .setContentType(contentType)
                                    .build(),
                            file,
                            over == null
                                    ? BlobWriteOption.doesNotExist()
                                    : BlobWriteOption.generationMatch(over.getGeneration()));
        });
    }

    /** By way of two files of this machine, since an object may be larger than the memory. */
    @Override
    public long update(ObjectName object, String contentType, Change change) {
        return run(
                "update",
                locate(object),
                () -> whileOthersWrite(() -> inFiles((old, next) -> {
                    Blob there = metadata(object);
                    if (there != null) {
                        storage().downloadTo(there.getBlobId(), old);
                    }
                    try (InputStream in = Files.newInputStream(old);
                            OutputStream out = new BufferedOutputStream(Files.newOutputStream(next))) {
                        change.apply(in, out);
                    }
                    if (Files.mismatch(old, next) != -1) {
                        upload(object, next, contentType, there);
                    }
                    return Files.size(next);
                })));
    }

    private static long inFiles(Update update) {
        return onDisk(() -> {
            Path old = Files.createTempFile("parley", null);
            Path next = Files.createTempFile("parley", null);
            try {
                return update.run(old, next);
            } finally {
                Files.delete(old);
                Files.delete(next);
            }
        });
    }

    private interface Update {
        long run(Path old, Path next) throws IOException;
    }

    private static <T> T onDisk(FileAction<T> action) {
        try {
            return action.run();
        } catch (IOException e) {
            throw new StoreException("Cannot use the disk of this machine: " + e, e);
        }
    }

    private interface FileAction<T> {
        T run() throws IOException;
    }

    @Override
    public boolean download(ObjectName object, Path file) {
        return run("read", locate(object), () -> {
            Blob there = metadata(object);
            if (there == null) {
                return false;
            }
            storage().downloadTo(there.getBlobId(), file);
            return true;
        });
    }

    /** Tries again when another process wrote (412), or replaced what was about to be read (404), in between. */
    private <T> T whileOthersWrite(Supplier<T> attempt) {
        Duration pause = FIRST_PAUSE;
        for (int attempts = 1; ; attempts++) {
            try {
                return attempt.get();
            } catch (StorageException e) {
                boolean overtaken = e.getCode() == PRECONDITION_FAILED || (e.getCode() == NOT_FOUND && !noBucket(e));
                if (!overtaken || attempts == ATTEMPTS) {
                    throw e;
                }
            }
            Uninterrupted.pause(Duration.ofMillis(ThreadLocalRandom.current().nextLong(pause.toMillis() + 1)));
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
        }
    }

    @Override
    public Optional<byte[]> read(ObjectName object) {
        return run("read", locate(object), () -> {
            try {
                return Optional.of(storage().readAllBytes(blobId(object)));
            } catch (StorageException e) {
                // A missing bucket is no empty answer: the caller would pay for what it does not find.
                if (e.getCode() != NOT_FOUND || noBucket(e)) {
                    throw e;
                }
                return Optional.empty();
            }
        });
    }

    @Override
    public Stream<ObjectName> list(String bucket, String folder) {
        String where = locate(bucket) + "/" + folder;
        return run(
                        "list",
                        where,
                        () -> storage()
                                .list(
                                        bucket,
                                        BlobListOption.prefix(folder + "/"),
                                        BlobListOption.fields(BlobField.NAME)))
                .streamAll()
                .map(Blob::getName)
                .filter(ObjectName::isPath)
                .map(path -> new ObjectName(bucket, path));
    }

    @Override
    public String locate(String bucket) {
        return "gs://" + bucket;
    }

    @Override
    public String locate(ObjectName object) {
        return locate(object.bucket()) + "/" + object.path();
    }

    private void upload(ObjectName object, byte[] content, String contentType, @Nullable Blob over) {
        BlobInfo info =
                BlobInfo.newBuilder(blobId(object)).setContentType(contentType).build();
        // Compressing a few kilobytes costs more than sending them.
        storage()
                .create(
                        info,
                        content,
                        over == null
                                ? BlobTargetOption.doesNotExist()
                                : BlobTargetOption.generationMatch(over.getGeneration()),
                        BlobTargetOption.disableGzipContent());
    }

    private @Nullable Blob metadata(ObjectName object) {
        return storage()
                .get(blobId(object), BlobGetOption.fields(BlobField.GENERATION, BlobField.CRC32C, BlobField.SIZE));
    }

    private static boolean holds(@Nullable Blob blob, byte[] content) {
        return blob != null
                && blob.getSize() == content.length
                && crc32c(content).equals(blob.getCrc32c());
    }

    /** As the service gives it: base64 of the big-endian number. */
    static String crc32c(byte[] content) {
        CRC32C crc = new CRC32C();
        crc.update(content);
        return Base64.getEncoder()
                .encodeToString(ByteBuffer.allocate(Integer.BYTES)
                        .putInt((int) crc.getValue())
                        .array());
    }

    private static BlobId blobId(ObjectName object) {
        return BlobId.of(object.bucket(), object.path());
    }

    /** The service has one code for a missing object and a missing bucket; its words differ. */
    private static boolean noBucket(StorageException e) {
        return String.valueOf(e.getMessage()).contains("bucket does not exist");
    }

    private synchronized Storage storage() {
        if (storage == null) {
            storage = connect();
        }
        return storage;
    }

    private Storage connect() {
        if (System.getProperty("http.maxConnections") == null) {
            System.setProperty("http.maxConnections", CONNECTIONS);
        }
        StorageOptions.Builder options = StorageOptions.http().setRetrySettings(retries);
        if (isSet(settings.project())) {
            options.setProjectId(settings.project());
        }
        String emulator = settings.emulatorHost();
        if (emulator != null && !emulator.isBlank()) {
            options.setHost(emulator.contains("://") ? emulator : "http://" + emulator);
            options.setCredentials(NoCredentials.getInstance());
            if (!isSet(settings.project())) {
                options.setProjectId("emulator");
            }
            return options.build().getService();
        }
        try {
            return options.setCredentials(GoogleCredentials.getApplicationDefault())
                    .build()
                    .getService();
        } catch (IOException e) {
            throw new StoreException(
                    "Cannot use Google Cloud Storage: there are no application default credentials. Set"
                            + " GOOGLE_APPLICATION_CREDENTIALS, attach a service account to this machine, or run"
                            + " \"gcloud auth application-default login\"",
                    e);
        }
    }

    private static boolean isSet(@Nullable String setting) {
        return setting != null && !setting.isBlank();
    }

    private static <T> T run(String verb, String what, Supplier<T> operation) {
        return Uninterrupted.call(() -> {
            try {
                return operation.get();
            } catch (BaseServiceException e) {
                throw failed(verb, what, "", e);
            }
        });
    }

    private static StoreException failed(String verb, String what, String advice, BaseServiceException e) {
        String cause = e.getCode() > 0
                ? "HTTP " + e.getCode() + (e.getReason() == null ? "" : " " + e.getReason())
                : "no answer";
        String words = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
        if (words.length() > LONGEST_MESSAGE) {
            words = words.substring(0, LONGEST_MESSAGE) + "…";
        }
        return new StoreException("Cannot " + verb + " " + what + ": " + advice + cause + ": " + words, e);
    }
}
