package dev.parley.export;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;
import org.h2.mvstore.type.LongDataType;
import org.jspecify.annotations.Nullable;

/**
 * The signatures of the conversations kept so far, and which of them may be like a given one: locality-sensitive hashing in
 * {@value #BANDS} bands. In a file, so that the heap stays as it is whatever there is to remember. Used by one thread.
 *
 * <p>A conversation is known by its sequence number. What a broken-off export left here under the same or a later number does
 * not count, and is written again with the same content.
 */
final class NearDuplicates implements AutoCloseable {
    private static final int BANDS = 8;
    private static final int ROWS = Signatures.SIZE / BANDS;
    private static final int CACHE_MEGABYTES = 48;
    private static final int BUFFER_KILOBYTES = 4_096;

    private final double similarity;
    private final MVStore store;
    private final MVMap<Long, byte[]> signatures;
    private final MVMap<Long, Long> bands;

    /** @param file made when it is missing; null keeps all in memory */
    NearDuplicates(@Nullable Path file, double similarity) {
        this.similarity = similarity;
        MVStore.Builder builder = new MVStore.Builder()
                .cacheSize(CACHE_MEGABYTES)
                .autoCommitBufferSize(BUFFER_KILOBYTES)
                .autoCompactFillRate(0);
        this.store = (file == null ? builder : builder.fileName(file.toString())).open();
        store.setVersionsToKeep(0);
        this.signatures = store.openMap(
                "signatures",
                new MVMap.Builder<Long, byte[]>().keyType(LongDataType.INSTANCE).valueType(ByteArrayDataType.INSTANCE));
        this.bands = store.openMap(
                "bands",
                new MVMap.Builder<Long, Long>().keyType(LongDataType.INSTANCE).valueType(LongDataType.INSTANCE));
    }

    /** Whether it is like one that was kept; else it is kept. */
    boolean isDuplicate(long number, int[] signature) {
        Set<Long> seen = new HashSet<>();
        for (int band = 0; band < BANDS; band++) {
            Long other = bands.get(hash(band, signature));
            if (other != null && other < number && seen.add(other)) {
                byte[] kept = signatures.get(other);
                if (kept != null && Signatures.similarity(signature, ints(kept)) >= similarity) {
                    return true;
                }
            }
        }
        signatures.put(number, bytes(signature));
        for (int band = 0; band < BANDS; band++) {
            long hash = hash(band, signature);
            Long other = bands.get(hash);
            if (other == null || other > number) {
                bands.put(hash, number); // the first of its kind answers for the later ones
            }
        }
        return false;
    }

    /** What was kept until now is still known after a kill. */
    void save() {
        store.commit();
    }

    private static long hash(int band, int[] signature) {
        long hash = band;
        for (int i = band * ROWS; i < (band + 1) * ROWS; i++) {
            hash = hash * 0x9E3779B97F4A7C15L + signature[i];
            hash ^= hash >>> 29;
        }
        return hash;
    }

    private static byte[] bytes(int[] signature) {
        ByteBuffer buffer = ByteBuffer.allocate(signature.length * Integer.BYTES);
        Arrays.stream(signature).forEach(buffer::putInt);
        return buffer.array();
    }

    private static int[] ints(byte[] bytes) {
        int[] signature = new int[bytes.length / Integer.BYTES];
        ByteBuffer.wrap(bytes).asIntBuffer().get(signature);
        return signature;
    }

    @Override
    public void close() {
        store.close();
    }
}
