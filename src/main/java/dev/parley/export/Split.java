package dev.parley.export;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;
import java.util.UUID;

/** On which side a conversation is. Its key and the seed alone decide, so it stays there whatever else is exported. */
enum Split {
    TRAIN,
    VALIDATION;

    private static final double RANGE = 0x1p53;

    String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @param validation the share of validation, 0..1 */
    static Split of(UUID conversation, String seed, double validation) {
        if (validation == 0) {
            return TRAIN;
        }
        byte[] hash = sha256().digest((seed + ":" + conversation).getBytes(StandardCharsets.UTF_8));
        long first53Bits = ByteBuffer.wrap(hash).getLong() >>> 11;
        return first53Bits / RANGE < validation ? VALIDATION : TRAIN;
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java platform has it
        }
    }
}
