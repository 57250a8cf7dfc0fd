package dev.parley.launch;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows in columns, no wider than a terminal: the last column takes what is left of a line and is cut, and where that is not
 * enough, columns that can be spared are left out, the first of them first.
 */
final class Table {
    private static final int GAP = 2;

    /** Less of the last column tells nobody anything. */
    private static final int LAST_AT_LEAST = 6;

    private record Column(String header, boolean right, boolean spare) {}

    private final List<Column> columns = new ArrayList<>();
    private final List<List<String>> rows = new ArrayList<>();

    /** A column of texts. */
    Table text(String header) {
        columns.add(new Column(header, false, false));
        return this;
    }

    /** A column of numbers. */
    Table number(String header) {
        columns.add(new Column(header, true, false));
        return this;
    }

    /** Says that the column added last can be left out. */
    Table spare() {
        Column last = columns.remove(columns.size() - 1);
        columns.add(new Column(last.header(), last.right(), true));
        return this;
    }

    /** @param cells one a column, each on one line */
    void row(Object... cells) {
        List<String> row = new ArrayList<>(cells.length);
        for (Object cell : cells) {
            row.add(String.valueOf(cell));
        }
        rows.add(row);
    }

    /** @param width of the terminal, in columns */
    void print(PrintWriter out, int width) {
        List<Integer> shown = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            shown.add(i);
        }
        int last = columns.size() - 1;
        int room = roomForLast(shown, width);
        for (int i = 0; i < last && room < Math.min(widthOf(last), LAST_AT_LEAST); i++) {
            if (columns.get(i).spare()) {
                shown.remove(Integer.valueOf(i));
                room = roomForLast(shown, width);
            }
        }
        int lastWidth = Math.max(1, Math.min(widthOf(last), Math.max(room, LAST_AT_LEAST)));
        print(out, columns.stream().map(Column::header).toList(), shown, lastWidth);
        rows.forEach(row -> print(out, row, shown, lastWidth));
    }

    private void print(PrintWriter out, List<String> cells, List<Integer> shown, int lastWidth) {
        StringBuilder line = new StringBuilder();
        for (int i : shown) {
            boolean isLast = i == columns.size() - 1;
            int width = isLast ? lastWidth : widthOf(i);
            String cell = isLast ? Text.shortened(cells.get(i), width) : cells.get(i);
            String padding = " ".repeat(Math.max(0, width - cell.length()));
            line.append(line.isEmpty() ? "" : " ".repeat(GAP))
                    .append(columns.get(i).right() ? padding + cell : cell + padding);
        }
        out.println(line.toString().stripTrailing());
    }

    private int roomForLast(List<Integer> shown, int width) {
        return width
                - shown.stream()
                        .filter(i -> i < columns.size() - 1)
                        .mapToInt(i -> widthOf(i) + GAP)
                        .sum();
    }

    private int widthOf(int column) {
        return rows.stream()
                .mapToInt(row -> row.get(column).length())
                .reduce(columns.get(column).header().length(), Math::max);
    }
}
