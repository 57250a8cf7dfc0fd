package dev.parley.serve;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Reads lines as they come, none of which is held beyond its limit. For one thread. */
final class Lines {
    private final InputStream in;
    private final int maxLine;
    private final long maxBytes;
    private long bytes;
    private long number;

    Lines(InputStream in, int maxLine, long maxBytes) {
        this.in = new BufferedInputStream(in);
        this.maxLine = maxLine;
        this.maxBytes = maxBytes;
    }

    /**
     * @param number from 1
     * @param bytes one more than a line may have, when it has more
     */
    record Line(long number, byte[] bytes) {
        boolean isBlank() {
            return new String(bytes, StandardCharsets.ISO_8859_1).isBlank();
        }

        /** @throws IllegalArgumentException when it is not UTF-8 */
        String text() {
            try {
                return StandardCharsets.UTF_8
                        .newDecoder()
                        .decode(ByteBuffer.wrap(bytes))
                        .toString();
            } catch (CharacterCodingException e) {
                throw new IllegalArgumentException("it is not UTF-8", e);
            }
        }
    }

    /** The request has more than it may have; what was read by then is valid. */
    static final class TooManyBytesException extends IOException {}

    /** The next line that is not blank; null at the end. */
    @Nullable
    Line next() throws IOException {
        for (Line line = read(); line != null; line = read()) {
            if (!line.isBlank()) {
                return line;
            }
        }
        return null;
    }

    private @Nullable Line read() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        int next = in.read();
        if (next < 0) {
            return null;
        }
        for (; next >= 0; next = in.read()) {
            if (++bytes > maxBytes) {
                throw new TooManyBytesException();
            }
            if (next == '\n') {
                break;
            }
            if (line.size() <= maxLine) {
                line.write(next);
            }
        }
        return new Line(++number, line.toByteArray());
    }
}
