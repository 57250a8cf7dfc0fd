package dev.parley.export;

import com.github.luben.zstd.ZstdOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;
import java.util.zip.GZIPOutputStream;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;

/** How files are compressed: text files whole, Parquet within, page by page. */
public enum Compression {
    NONE("", CompressionCodecName.UNCOMPRESSED),
    /** Not for Parquet, whose gzip is Hadoop's. */
    GZIP(".gz", CompressionCodecName.GZIP),
    ZSTD(".zst", CompressionCodecName.ZSTD);

    private static final int BUFFER = 1 << 16; // bytes

    private final String suffix;
    private final CompressionCodecName codec;

    Compression(String suffix, CompressionCodecName codec) {
        this.suffix = suffix;
        this.codec = codec;
    }

    String suffix() {
        return suffix;
    }

    CompressionCodecName codec() {
        return codec;
    }

    /** Both formats may be concatenated: what is closed and what is appended later read as one. */
    OutputStream over(OutputStream out) throws IOException {
        return switch (this) {
            case NONE -> out;
            case GZIP -> new GZIPOutputStream(out, BUFFER);
            case ZSTD -> new ZstdOutputStream(out);
        };
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
