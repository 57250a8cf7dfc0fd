package dev.parley.archive;

import java.io.IOException;
import java.io.InputStream;

/**
 * The lines that a spool had at some moment: it may grow meanwhile.
 *
 * @param size in bytes
 */
record SpoolPart(long size, Source source) {
    /** Where the bytes are. */
    @FunctionalInterface
    interface Source {
        /** @return how many bytes from the position on were read, at least one where there is one */
        int read(long position, byte[] into, int offset, int length) throws IOException;
    }

    /** From the first byte on, each time. */
    InputStream open() {
        return new InputStream() {
            private long position;

            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] into, int offset, int length) throws IOException {
                if (length == 0 || position == size) {
                    return length == 0 ? 0 : -1;
                }
                int read = source.read(position, into, offset, (int) Math.min(length, size - position));
                position += Math.max(0, read);
                return read;
            }
        };
    }
}
