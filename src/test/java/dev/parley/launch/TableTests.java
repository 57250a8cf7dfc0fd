package dev.parley.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TableTests {
    private final Table table =
            new Table().text("ID").number("DONE").number("%").spare().text("NAME");

    TableTests() {
        table.row("0123456789", "3/8", 37.5, "A job with a long name\nin two lines");
        table.row("9876543210", "10/10", 100.0, "Short");
    }

    @Test
    void theLastColumnTakesWhatIsLeftOfALine() {
        assertThat(printed(40))
                .containsExactly(
                        "ID           DONE      %  NAME",
                        "0123456789    3/8   37.5  A job with a …", "9876543210  10/10  100.0  Short");
        assertThat(printed(100).get(1)).endsWith("A job with a long name in two lines");
    }

    @Test
    void whatCanBeSparedGoesBeforeTheLastColumnIsTooNarrowToRead() {
        assertThat(printed(30))
                .containsExactly(
                        "ID           DONE  NAME", "0123456789    3/8  A job with…", "9876543210  10/10  Short");
    }

    @Test
    void noLineIsWiderThanTheTerminalWhileItHoldsWhatCannotBeSpared() {
        IntStream.range(25, 100)
                .forEach(width -> assertThat(printed(width))
                        .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(width)));
    }

    private List<String> printed(int width) {
        StringWriter out = new StringWriter();
        table.print(new PrintWriter(out, true), width);
        return out.toString().lines().toList();
    }
}
