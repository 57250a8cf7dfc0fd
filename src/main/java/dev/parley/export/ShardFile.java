package dev.parley.export;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetFileWriter;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.io.LocalOutputFile;

/** One file while it grows. What it is made of is closed, and then complete, by {@link #finish}. */
final class ShardFile implements Closeable {
    private static final long ROW_GROUP = 16L << 20; // bytes that a Parquet file holds in memory
    private static final int BUFFER = 1 << 16; // bytes

    /** Where the records go. */
    private interface Body extends Closeable {
        void add(Exported exported) throws IOException;
    }

    private final ExportRequest request;
    private final Split split;
    private final Path path;
    private final Path bodyPath;
    private final Body body;
    private long conversations;
    private long records;

    ShardFile(ExportRequest request, Split split, int number, Path folder) throws IOException {
        this.request = request;
        this.split = split;
        this.path = folder.resolve(String.format(
                Locale.ROOT,
                "%s-%05d.%s%s",
                split.key(),
                number,
                request.format().extension(),
                request.format() == ExportFormat.PARQUET
                        ? ""
                        : request.compression().suffix()));
        this.bodyPath = folder.resolve(path.getFileName() + ".body");
        Files.deleteIfExists(bodyPath);
        this.body = request.format() == ExportFormat.PARQUET ? parquet() : text();
    }

    void add(Exported exported) throws IOException {
        body.add(exported);
        conversations++;
        records += exported.records();
    }

    /** Completes the file, which {@link #path()} names from then on. */
    DataCard.File finish() throws IOException {
        body.close();
        String name = path.getFileName().toString();
        String header = request.format() == ExportFormat.PARQUET ? "" : new TextLines(request).header(name, records);
        if (header.isEmpty()) {
            Files.move(bodyPath, path, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        } else {
            // A header that counts the records can only be written now. Compressed, it is a member of its own.
            try (OutputStream file = Files.newOutputStream(path)) {
                OutputStream first = request.compression().over(new Uncloseable(file));
                first.write(header.getBytes(StandardCharsets.UTF_8));
                first.close();
                Files.copy(bodyPath, file);
            }
            Files.delete(bodyPath);
        }
        return new DataCard.File(name, split.key(), conversations, records, Files.size(path), sha256());
    }

    Path path() {
        return path;
    }

    @Override
    public void close() throws IOException {
        body.close();
        Files.deleteIfExists(bodyPath);
    }

    private Body text() throws IOException {
        OutputStream out = new BufferedOutputStream(
                request.compression().over(new BufferedOutputStream(Files.newOutputStream(bodyPath), BUFFER)), BUFFER);
        return new Body() {
            @Override
            public void add(Exported exported) throws IOException {
                out.write(Objects.requireNonNull(exported.rendered()));
            }

            @Override
            public void close() throws IOException {
                out.close();
            }
        };
    }

    private Body parquet() throws IOException {
        ParquetWriter<Group> writer = ExampleParquetWriter.builder(new LocalOutputFile(bodyPath))
                .withType(Columns.SCHEMA)
                .withConf(new PlainParquetConfiguration())
                .withWriteMode(ParquetFileWriter.Mode.OVERWRITE)
                .withCompressionCodec(request.compression().codec())
                .withRowGroupSize(ROW_GROUP)
                .build();
        return new Body() {
            @Override
            public void add(Exported exported) throws IOException {
                writer.write(Columns.group(
                        exported.row(),
                        exported.document() == null
                                ? List.of()
                                : exported.document().turns()));
            }

            @Override
            public void close() throws IOException {
                writer.close();
            }
        };
    }

    private String sha256() throws IOException {
        MessageDigest digest = Split.sha256();
        try (InputStream in =
                new DigestInputStream(new BufferedInputStream(Files.newInputStream(path), BUFFER), digest)) {
            in.transferTo(OutputStream.nullOutputStream());
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Lets a compressor be closed, and the file go on. */
    private static final class Uncloseable extends java.io.FilterOutputStream {
        Uncloseable(OutputStream out) {
            super(out);
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            out.write(bytes, from, length);
        }

        @Override
        public void close() throws IOException {
            flush();
        }
    }
}
