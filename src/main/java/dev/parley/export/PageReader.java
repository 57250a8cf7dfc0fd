package dev.parley.export;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.item.ItemStreamReader;

/** Hands out the selected rows in order, from behind the last finished set of files. Used by the step's own thread only. */
class PageReader implements ItemStreamReader<PageReader.Read> {
    private final ConversationPages pages;
    private final Selection selection;
    private final int pageSize;
    private final Queue<ConversationRow> page = new ArrayDeque<>();
    private @Nullable UUID after;
    private boolean exhausted;

    /** @param last whether nothing comes after it */
    record Read(ConversationRow row, boolean last) {}

    PageReader(ConversationPages pages, Selection selection, int pageSize) {
        this.pages = pages;
        this.selection = selection;
        this.pageSize = pageSize;
    }

    @Override
    public void open(ExecutionContext context) {
        after = ExportState.of(context).after();
    }

    @Override
    public @Nullable Read read() {
        fill(1);
        ConversationRow row = page.poll();
        if (row == null) {
            return null;
        }
        fill(1);
        return new Read(row, page.isEmpty());
    }

    private void fill(int least) {
        while (page.size() < least && !exhausted) {
            page.addAll(pages.page(selection, after, pageSize));
            exhausted = page.size() < pageSize;
            for (ConversationRow row : page) {
                after = row.key();
            }
        }
    }
}
