package dev.parley.generation;

import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import dev.parley.archive.StoreException;
import dev.parley.conversation.ConversationKey;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stored answers of conversations, as they came over the wire. None is ever overwritten. Thread-safe.
 *
 * <p>The answer to a conversation's first request is {@code raw/{userId}/{key}_raw.json} (in older data {@code {key}.json}),
 * the answer to its n-th, changed one {@code {key}_raw-n.json}. Two processes that both asked, because one had lost its
 * lease without knowing, agree on the answer that was stored first; the other one was paid for as well and is kept as
 * {@code {key}_raw.spare-{checksum}.json}, which nobody reads by itself.
 *
 * <p>An answer that the store does not take after a few tries goes to a local spool folder, and from there to the store
 * when the conversation is next looked at by a process that has the same folder.
 */
final class RawAnswers {
    static final String JSON = "application/json";

    private static final UUID NIL = new UUID(0, 0);
    private static final Logger log = LoggerFactory.getLogger(RawAnswers.class);

    private final ObjectStore store;
    private final String bucket;
    private final Path spool;
    private final GenerationSettings settings;

    RawAnswers(ObjectStore store, String bucket, Path spool, GenerationSettings settings) {
        this.store = store;
        this.bucket = bucket;
        this.spool = spool;
        this.settings = settings;
    }

    /**
     * One stored answer.
     *
     * @param number of the request it answers, from 1
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared; copying would only cost
    record RawAnswer(int number, String path, byte[] body) {}

    /** An answer that was paid for is nowhere. */
    static final class AnswerLostException extends StoreException {
        private static final long serialVersionUID = 1L;

        AnswerLostException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /**
     * The answers of a conversation, by number, without a gap.
     *
     * @throws StoreException when the store cannot be asked, or cannot take a spooled answer
     */
    List<RawAnswer> find(@Nullable UUID userId, ConversationKey key) {
        List<RawAnswer> answers = new ArrayList<>(1);
        while (true) {
            Optional<RawAnswer> answer = find(userId, key, answers.size() + 1);
            if (answer.isEmpty()) {
                return answers;
            }
            answers.add(answer.get());
        }
    }

    /**
     * Stores an answer before anything looks inside. An interrupt is put off until that is done: what is in hand has been
     * paid for.
     *
     * @return the answer to go on with: another one when another process stored its own first
     * @throws StoreException when the store does not take it; it is in the spool folder then, and the message says so
     * @throws AnswerLostException when the spool folder does not take it either
     */
    RawAnswer keep(@Nullable UUID userId, ConversationKey key, int number, byte[] body) {
        String name = name(key, number);
        try {
            return persist(() -> create(userId, key, number, body));
        } catch (StoreException e) {
            Path spooled = spool.resolve(name);
            try {
                spool(spooled, body);
            } catch (IOException spoolFailure) {
                e.addSuppressed(spoolFailure);
                log.error("Raw answer of conversation {} is lost: neither the store nor {} took it", key, spooled, e);
                throw new AnswerLostException(
                        e.getMessage() + "; the spool folder did not take the answer either: " + spoolFailure, e);
            }
            throw new StoreException(
                    e.getMessage() + "; the answer is kept in " + spooled + " until the store takes it", e);
        }
    }

    /** Writes an object, a few times if need be. An interrupt is put off until that is done. */
    void write(ObjectName object, byte[] content) {
        persist(() -> {
            store.write(object, content, JSON);
            return true;
        });
    }

    static String folder(@Nullable UUID userId) {
        return (userId == null ? NIL : userId).toString();
    }

    private Optional<RawAnswer> find(@Nullable UUID userId, ConversationKey key, int number) {
        String path = path(userId, name(key, number));
        Optional<byte[]> body = store.read(new ObjectName(bucket, path));
        if (body.isEmpty() && number == 1) {
            path = path(userId, key + ".json");
            body = store.read(new ObjectName(bucket, path));
        }
        if (body.isPresent()) {
            return Optional.of(new RawAnswer(number, path, body.get()));
        }
        return unspooled(userId, key, number);
    }

    private Optional<RawAnswer> unspooled(@Nullable UUID userId, ConversationKey key, int number) {
        Path spooled = spool.resolve(name(key, number));
        if (!spooled.toFile().exists()) {
            return Optional.empty();
        }
        try {
            RawAnswer answer = create(userId, key, number, Files.readAllBytes(spooled));
            Files.delete(spooled);
            return Optional.of(answer);
        } catch (IOException e) {
            throw new StoreException("Spooled answer " + spooled + " cannot be moved to the store: " + e, e);
        }
    }

    private RawAnswer create(@Nullable UUID userId, ConversationKey key, int number, byte[] body) {
        ObjectName object = new ObjectName(bucket, path(userId, name(key, number)));
        if (store.create(object, body, JSON)) {
            return new RawAnswer(number, object.path(), body);
        }
        byte[] first = store.read(object)
                .orElseThrow(() -> new StoreException(object + " can be neither created nor read", null));
        CRC32C checksum = new CRC32C();
        checksum.update(body);
        String spare = String.format("%s_raw.spare-%08x.json", key, checksum.getValue());
        store.create(new ObjectName(bucket, path(userId, spare)), body, JSON);
        log.warn(
                "Conversation {} was answered twice; going on with {}, the other answer is kept as {}",
                key,
                object,
                spare);
        return new RawAnswer(number, object.path(), first);
    }

    private <T> T persist(Supplier<T> write) {
        boolean interrupted = false;
        try {
            for (int attempt = 1; ; attempt++) {
                interrupted |= Thread.interrupted();
                try {
                    return write.get();
                } catch (StoreException e) {
                    if (Thread.interrupted()) {
                        interrupted = true; // that was why; once more, undisturbed
                    } else if (attempt >= settings.writeAttempts()) {
                        throw e;
                    }
                }
                try {
                    Thread.sleep(settings.writeDelay().toMillis() * attempt);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Not through a channel: an interrupt would close it under the write. */
    private static void spool(Path file, byte[] body) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        Path unfinished = file.resolveSibling(
                file.getFileName() + "." + Thread.currentThread().getId() + ".part");
        try (FileOutputStream out = new FileOutputStream(unfinished.toFile())) {
            out.write(body);
            out.getFD().sync();
        }
        Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private static String path(@Nullable UUID userId, String name) {
        return "raw/" + folder(userId) + "/" + name;
    }

    private static String name(ConversationKey key, int number) {
        return number == 1 ? key + "_raw.json" : key + "_raw-" + number + ".json";
    }
}
