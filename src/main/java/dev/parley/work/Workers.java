package dev.parley.work;

import java.util.Objects;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.GeneratedKeyHolder;
import org.springframework.stereotype.Repository;

/** The table {@code workers}: where owners get their ids, which are never used again. Thread-safe. */
@Repository
public class Workers {
    private static final String ENROLL = "INSERT INTO workers (name) VALUES (:name)";

    private final JdbcClient jdbc;

    public Workers(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /** @param name for people: which process on which machine */
    int enroll(String name) {
        GeneratedKeyHolder key = new GeneratedKeyHolder();
        jdbc.sql(ENROLL).param("name", name).update(key, "id");
        return Objects.requireNonNull(key.getKeyAs(Integer.class));
    }
}
