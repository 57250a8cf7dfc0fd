package dev.parley.catalog;

import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;

/** One or more files that a person wrote cannot be used. The message has one line for each problem. */
public class InvalidFileException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient List<Problem> problems;

    /** @param problems at least one */
    public InvalidFileException(Collection<Problem> problems) {
        super(problems.stream().map(Problem::toString).collect(Collectors.joining("\n")));
        this.problems = List.copyOf(problems);
    }

    public InvalidFileException(Problem problem) {
        this(List.of(problem));
    }

    /** In the order of the files, and of the lines within a file. */
    public List<Problem> problems() {
        return problems;
    }

    /**
     * What is wrong in one place.
     *
     * @param file as the reader was told to open it, with forward slashes
     * @param line 1..n; 0 is the file as a whole
     * @param key where in the file, such as {@code personas[1].name}; blank is the file as a whole
     * @param message what was wrong and what would be right, in one line
     */
    public record Problem(String file, int line, String key, String message) {
        /** As compilers print it: {@code jobs/demo.yaml:12: personas[1].name: is missing; should be text}. */
        @Override
        public String toString() {
            return where() + ": " + (key.isEmpty() ? "" : key + ": ") + message;
        }

        /** File and line, such as {@code jobs/demo.yaml:12}. */
        public String where() {
            return line > 0 ? file + ":" + line : file;
        }
    }
}
