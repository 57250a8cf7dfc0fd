package dev.parley.database;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Whether a database has the very change log of this program. Liquibase takes a good part of a start to find out; this is one
 * small query.
 *
 * <p>After a migration the last row of {@code databasechangelog} is tagged with a digest of the change log's files and of all
 * rows of that table. So a file changed, a change set added, a row deleted or run by another version: the digest is another,
 * and Liquibase looks for itself. A tag that somebody else put there is left alone.
 */
final class ChangeLogState {
    static final String ROOT = "changelog/changelog.yaml";

    private static final String TAG = "parley-";
    private static final Pattern INCLUDED = Pattern.compile("file:\\s*([^\\s}]+)");

    private static final String ROWS = """
            SELECT id, author, filename, md5sum, exectype, tag
              FROM databasechangelog
             ORDER BY orderexecuted, id
            """;

    private static final String MARK = """
            UPDATE databasechangelog
               SET tag = ?
             WHERE orderexecuted = (SELECT max(orderexecuted) FROM databasechangelog)
               AND (tag IS NULL OR tag LIKE 'parley-%')
            """;

    private ChangeLogState() {}

    /** Whether nothing has to be done; false also where that cannot be told. */
    static boolean isCurrent(Connection connection) {
        try {
            Rows rows = rows(connection);
            return rows.lastTag() != null && rows.lastTag().equals(tag(rows));
        } catch (SQLException e) {
            return false; // no such table, most likely: the database is new
        }
    }

    /** To be called once Liquibase is through. */
    static void mark(Connection connection) throws SQLException {
        try (PreparedStatement update = connection.prepareStatement(MARK)) {
            update.setString(1, tag(rows(connection)));
            update.executeUpdate();
        }
    }

    /** The change log's files, the root first. */
    static List<String> files() {
        List<String> files = new ArrayList<>(List.of(ROOT));
        Matcher included = INCLUDED.matcher(text(ROOT));
        while (included.find()) {
            files.add(included.group(1));
        }
        return files;
    }

    private record Rows(String content, @Nullable String lastTag) {}

    private static Rows rows(Connection connection) throws SQLException {
        StringBuilder content = new StringBuilder();
        String tag = null;
        try (PreparedStatement query = connection.prepareStatement(ROWS);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                for (int column = 1; column <= 5; column++) {
                    content.append(row.getString(column)).append('\n');
                }
                tag = row.getString(6);
            }
        }
        return new Rows(content.toString(), tag);
    }

    private static String tag(Rows rows) {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java platform has it
        }
        files().forEach(file -> digest.update(content(file)));
        digest.update(rows.content().getBytes(StandardCharsets.UTF_8));
        return TAG + HexFormat.of().formatHex(digest.digest());
    }

    static String text(String file) {
        return new String(content(file), StandardCharsets.UTF_8);
    }

    private static byte[] content(String file) {
        try (InputStream in = ChangeLogState.class.getClassLoader().getResourceAsStream(file)) {
            if (in == null) {
                throw new IllegalStateException("The change log's file " + file + " is not on the class path");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
