package dev.parley.generation;

import java.util.ArrayList;
import java.util.List;

/**
 * Puts right what models get wrong around the text of a JSON answer: fences and prose, trailing commas, curly quotation
 * marks as delimiters, line breaks inside strings, missing brackets, a missing comma between objects.
 *
 * <p>What stands between the quotation marks is copied character by character; only the notation changes (a line break
 * becomes {@code \n}). Where that would take a guess, as with a quotation mark inside a string or a string that never
 * ends, there is no repair. (Of the libraries on Maven Central, json-repair 0.3.0 mends only missing brackets.)
 */
final class JsonRepair {
    /** An answer with more false starts than this is not worth the time. */
    private static final int MAX_STARTS = 20;

    private static final int MAX_DEPTH = 64;

    /** What may come next. */
    private enum Next {
        FIRST_KEY,
        KEY,
        COLON,
        VALUE,
        FIRST_ELEMENT,
        ELEMENT,
        COMMA
    }

    private final String text;
    private final StringBuilder out = new StringBuilder();
    private final StringBuilder open = new StringBuilder(); // the brackets not yet closed, innermost last
    private Next next = Next.COMMA;
    private boolean commaSeen;
    private boolean stringBefore;
    private boolean bracketGuessed;
    private int at;

    private JsonRepair(String text, int start) {
        this.text = text;
        this.at = start;
    }

    /**
     * The outermost objects of the text, put right, in their order.
     *
     * @throws Hopeless when there is none that can be put right without a guess
     */
    static List<String> objects(String text) throws Hopeless {
        List<String> objects = new ArrayList<>();
        Hopeless first = null;
        int starts = 0;
        for (int start = text.indexOf('{'); start >= 0 && starts < MAX_STARTS; starts++) {
            JsonRepair repair = new JsonRepair(text, start);
            try {
                objects.add(repair.object());
                start = text.indexOf('{', repair.at);
            } catch (Hopeless e) {
                first = first == null ? e : first;
                start = text.indexOf('{', start + 1);
            }
        }
        if (objects.isEmpty()) {
            throw first == null ? new Hopeless("there is no JSON object in it") : first;
        }
        return objects;
    }

    private String object() throws Hopeless {
        do {
            skipSpace();
            if (at >= text.length() || text.startsWith("```", at)) {
                closeWhatIsOpen();
            } else {
                token(text.charAt(at));
            }
        } while (!open.isEmpty());
        checkWhatFollows();
        return out.toString();
    }

    private void token(char c) throws Hopeless {
        switch (c) {
            case '{', '[' -> opening(c);
            case '}', ']' -> closing(c);
            case ',' -> {
                expect(next == Next.COMMA, c);
                commaSeen = true;
                next = inObject() ? Next.KEY : Next.ELEMENT;
                at++;
            }
            case ':' -> {
                expect(next == Next.COLON, c);
                out.append(':');
                next = Next.VALUE;
                at++;
            }
            case '"', '\u201c', '\u201d' -> {
                if (next == Next.COMMA && !stringBefore) {
                    commaSeen = true; // a missing comma; after a string it may be a quotation mark inside it instead
                    next = inObject() ? Next.KEY : Next.ELEMENT;
                }
                boolean key = next == Next.FIRST_KEY || next == Next.KEY;
                expect(key || valueMayCome(), c);
                writeComma();
                if (c == '"') {
                    string();
                } else {
                    curlyString();
                }
                next = key ? Next.COLON : Next.COMMA;
                stringBefore = true;
            }
            default -> {
                expect(valueMayCome() && isLiteral(c), c);
                writeComma();
                while (at < text.length() && isLiteral(text.charAt(at))) {
                    out.append(text.charAt(at++));
                }
                next = Next.COMMA;
                stringBefore = false;
            }
        }
    }

    private void opening(char bracket) throws Hopeless {
        if (next == Next.KEY && bracket == '{') {
            int array = open.lastIndexOf("[");
            expect(array >= 0, bracket);
            closeDownTo(array + 1); // an object of the list was never closed, and here is the next one
            commaSeen = true;
            next = Next.ELEMENT;
        } else if (next == Next.COMMA && !open.isEmpty() && !inObject() && !stringBefore) {
            commaSeen = true; // the comma between two objects of a list is missing
            next = Next.ELEMENT;
        }
        expect(open.isEmpty() || valueMayCome(), bracket);
        if (open.length() >= MAX_DEPTH) {
            throw new Hopeless("it is nested deeper than " + MAX_DEPTH + " at character " + at);
        }
        writeComma();
        out.append(bracket);
        open.append(bracket);
        next = bracket == '{' ? Next.FIRST_KEY : Next.FIRST_ELEMENT;
        at++;
    }

    private void closing(char bracket) throws Hopeless {
        expect(next != Next.COLON && next != Next.VALUE, bracket);
        int match = open.lastIndexOf(bracket == '}' ? "{" : "[");
        expect(match >= 0, bracket);
        closeDownTo(match + 1);
        close();
        at++;
    }

    /** Closes brackets the answer forgot, until so many are open. */
    private void closeDownTo(int depth) {
        while (open.length() > depth) {
            bracketGuessed = true;
            close();
        }
    }

    private void close() {
        int innermost = open.length() - 1;
        out.append(open.charAt(innermost) == '{' ? '}' : ']');
        open.setLength(innermost);
        commaSeen = false; // a trailing one is dropped
        stringBefore = false;
        next = Next.COMMA;
    }

    private void closeWhatIsOpen() throws Hopeless {
        if (next != Next.COMMA) {
            throw new Hopeless("it ends in the middle, at character " + at);
        }
        closeDownTo(0);
    }

    /** Refuses an object that ended too early because of a bracket too many, or in the wrong place. */
    private void checkWhatFollows() throws Hopeless {
        for (int i = at; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == ',' || c == ':' || c == '"') {
                throw new Hopeless("the object ends before the answer does, at character " + at);
            }
            if (!isSpace(c) && c != '}' && c != ']') {
                break;
            }
        }
        if (bracketGuessed && text.indexOf('{', at) >= 0) {
            throw new Hopeless("a bracket is missing, and it is not clear where");
        }
    }

    private void string() throws Hopeless {
        int start = at++;
        out.append('"');
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '"') {
                out.append('"');
                return;
            }
            copy(c);
        }
        throw endless(start);
    }

    /** Curly marks inside a string that curly marks delimit must come in pairs. */
    private void curlyString() throws Hopeless {
        int start = at++;
        int depth = 1;
        out.append('"');
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '\u201c') {
                depth++;
            } else if (c == '\u201d' && --depth == 0) {
                out.append('"');
                return;
            }
            if (c == '"') {
                out.append('\\');
            }
            copy(c);
        }
        throw endless(start);
    }

    private void copy(char c) {
        if (c == '\\' && at < text.length()) {
            char escaped = text.charAt(at++);
            if (escaped != '\'') { // \' is JavaScript's; in JSON the mark needs no escape
                out.append('\\');
            }
            out.append(escaped);
        } else if (c == '\n') {
            out.append("\\n");
        } else if (c == '\r') {
            out.append("\\r");
        } else if (c == '\t') {
            out.append("\\t");
        } else if (c < ' ') {
            out.append(String.format("\\u%04x", (int) c));
        } else {
            out.append(c);
        }
    }

    private void writeComma() {
        if (commaSeen) {
            out.append(',');
            commaSeen = false;
        }
    }

    private boolean valueMayCome() {
        return next == Next.VALUE || next == Next.FIRST_ELEMENT || next == Next.ELEMENT;
    }

    private boolean inObject() {
        return open.charAt(open.length() - 1) == '{';
    }

    private void skipSpace() {
        while (at < text.length() && isSpace(text.charAt(at))) {
            at++;
        }
    }

    private static boolean isSpace(char c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\ufeff' || c == '\u200b';
    }

    private static boolean isLiteral(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || "+-.".indexOf(c) >= 0;
    }

    private void expect(boolean fits, char found) throws Hopeless {
        if (!fits) {
            throw new Hopeless(
                    "unexpected " + (found < ' ' ? "control character" : "'" + found + "'") + " at character " + at);
        }
    }

    private static Hopeless endless(int start) {
        return new Hopeless("the text that begins at character " + start + " never ends");
    }

    /** Why there is no repair. */
    static final class Hopeless extends Exception {
        private static final long serialVersionUID = 1L;

        Hopeless(String message) {
            super(message, null, false, false);
        }
    }
}
