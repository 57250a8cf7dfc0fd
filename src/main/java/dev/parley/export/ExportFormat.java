package dev.parley.export;

import java.util.Locale;

/** What the files look like; {@link #toString()} is how the command line spells it. */
public enum ExportFormat {
    /** {@code {"messages":[{"role","content"}…],"metadata":{…}}}, a line a conversation. */
    CHAT_JSONL("jsonl"),
    /** {@code {"id","conversations":[{"from":"human"|"gpt","value"}…]}}, a line a conversation. */
    SHAREGPT_JSONL("jsonl"),
    /** After a first line {@code {"_meta":…}} a line for each of the assistant's turns, with all that came before it. */
    TRAINING_JSONL("jsonl"),
    /** A line a conversation: ids, names, score, tokens, cost; no texts. */
    CSV("csv"),
    /** A row a conversation: the columns of {@link #CSV}, and the messages. */
    PARQUET("parquet");

    private final String extension;

    ExportFormat(String extension) {
        this.extension = extension;
    }

    String extension() {
        return extension;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
