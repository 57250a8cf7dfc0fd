package dev.parley.export;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.infrastructure.item.Chunk;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.item.ItemStreamWriter;

/**
 * Fills the files, in order, and finishes them in sets: one file of each side of the split for so many conversations read. The
 * execution context changes only when a set is in its place. Used by the step's own thread only.
 */
class ShardWriter implements ItemStreamWriter<Exported> {
    private final ExportRequest request;
    private final Path folder;
    private final Destination destination;
    private final @Nullable NearDuplicates duplicates;
    private final AtomicLong progress;
    private final Map<Split, ShardFile> open = new EnumMap<>(Split.class);
    private ExportState state = new ExportState();
    private ExportState finished = new ExportState();
    private int inShard;

    /** @param folder of this machine, for files that are not finished, @param progress counts the conversations */
    ShardWriter(
            ExportRequest request,
            Path folder,
            Destination destination,
            @Nullable NearDuplicates duplicates,
            AtomicLong progress) {
        this.request = request;
        this.folder = folder;
        this.destination = destination;
        this.duplicates = duplicates;
        this.progress = progress;
    }

    @Override
    public void open(ExecutionContext context) {
        state = ExportState.of(context);
        finished = ExportState.of(context);
        progress.set(state.read);
    }

    @Override
    public void write(Chunk<? extends Exported> chunk) throws IOException {
        for (Exported exported : chunk) {
            add(exported);
            if (inShard >= request.shardSize() || exported.last()) {
                finish(exported);
            }
        }
        progress.set(state.read);
    }

    private void add(Exported exported) throws IOException {
        long number = state.read++;
        inShard++;
        if (exported.document() == null) {
            state.unreadable(exported.row().key());
        } else if (duplicates != null
                && exported.signature() != null
                && duplicates.isDuplicate(number, exported.signature())) {
            state.duplicates++;
        } else {
            state.add(exported);
            file(Split.of(exported.row().key(), request.seed(), request.validation()))
                    .add(exported);
        }
    }

    private ShardFile file(Split split) throws IOException {
        ShardFile file = open.get(split);
        if (file == null) {
            file = new ShardFile(request, split, state.shards, folder);
            open.put(split, file);
        }
        return file;
    }

    private void finish(Exported last) throws IOException {
        for (ShardFile file : open.values()) {
            DataCard.File finishedFile = file.finish();
            destination.put(file.path(), finishedFile.name());
            state.files.add(finishedFile);
        }
        open.clear();
        if (duplicates != null) {
            duplicates.save();
        }
        state.shards++;
        state.after = last.row().key();
        inShard = 0;
        finished = state.copy();
    }

    @Override
    public void update(ExecutionContext context) {
        finished.store(context);
    }

    /** What is not finished is not kept. */
    @Override
    public void close() {
        for (ShardFile file : open.values()) {
            try {
                file.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        open.clear();
    }
}
