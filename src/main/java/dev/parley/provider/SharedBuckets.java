package dev.parley.provider;

import io.github.bucket4j.Bucket;
import io.github.bucket4j.BucketConfiguration;
import io.github.bucket4j.distributed.jdbc.PrimaryKeyMapper;
import io.github.bucket4j.distributed.proxy.ProxyManager;
import io.github.bucket4j.postgresql.Bucket4jPostgreSQL;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import javax.sql.DataSource;

/**
 * The buckets in table {@code rate_limits}, which all processes on one PostgreSQL database share. Each use is a short
 * transaction of its own.
 *
 * <p>Processes tell the time by their own clocks; one that is behind by a second waits that much longer, the limit is kept.
 */
final class SharedBuckets {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final ProxyManager<String> buckets;

    private SharedBuckets(DataSource database) {
        this.buckets = Bucket4jPostgreSQL.selectForUpdateBasedBuilder(database)
                .primaryKeyMapper(PrimaryKeyMapper.STRING)
                .table("rate_limits")
                .idColumn("id")
                .stateColumn("state")
                .requestTimeout(PATIENCE)
                .build();
    }

    /** @throws IllegalStateException when the database is no PostgreSQL */
    static SharedBuckets in(DataSource database) {
        if (!isPostgresql(database)) {
            throw new IllegalStateException("parley.limits.share=database needs a PostgreSQL database:"
                    + " choose auto or process, or another spring.datasource.url");
        }
        return of(database);
    }

    /** In a database that is known to be PostgreSQL. */
    static SharedBuckets of(DataSource database) {
        return new SharedBuckets(database);
    }

    static boolean isPostgresql(DataSource database) {
        try (Connection connection = database.getConnection()) {
            return connection.getMetaData().getDatabaseProductName().equals("PostgreSQL");
        } catch (SQLException e) {
            throw new IllegalStateException("The database does not say what it is: " + e.getMessage(), e);
        }
    }

    /** @param name also tells the configuration, so that another limit is another bucket */
    Bucket bucket(String name, BucketConfiguration configuration) {
        return buckets.builder().build(name, () -> configuration);
    }
}
