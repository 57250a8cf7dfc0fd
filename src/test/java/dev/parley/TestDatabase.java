package dev.parley;

import dev.parley.database.Migration;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.h2.jdbcx.JdbcConnectionPool;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.core.io.DefaultResourceLoader;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * The two databases every promise is kept on: H2 in memory, and a real PostgreSQL server from Maven, one a JVM. Each has the
 * schema of our own change log; {@link #empty()} gives a test empty tables.
 *
 * <p>PostgreSQL's session runs in a far time zone, so that a lost offset shows.
 */
public enum TestDatabase {
    H2 {
        @Override
        public String url() {
            return "jdbc:h2:mem:parley;DB_CLOSE_DELAY=-1;MODE=PostgreSQL;DEFAULT_NULL_ORDERING=HIGH";
        }
    },
    POSTGRESQL {
        @Override
        public String url() {
            return urlOf("parley");
        }
    };

    private static final List<String> TABLES = List.of(
            "batch_step_execution_context",
            "batch_job_execution_context",
            "batch_step_execution",
            "batch_job_execution_params",
            "batch_job_execution",
            "batch_job_instance",
            "generation_logs",
            "failed_generations",
            "provider_batches",
            "schedules",
            "job_series",
            "job_failures",
            "batch_items",
            "batch_jobs",
            "workers",
            "conversations",
            "prompt_templates",
            "training_topics",
            "emotional_arcs",
            "personas",
            "conversation_messages",
            "conversation_sessions",
            "tracking_dead_letters",
            "rate_limits");

    /** Held, because java.util.logging forgets the level of a logger that nobody holds. */
    private static final Logger LIQUIBASE = Logger.getLogger("liquibase");

    private static EmbeddedPostgres server;
    private boolean migrated;

    /** The JDBC address of the migrated database, as a user would configure it. */
    public abstract String url();

    public String username() {
        return this == H2 ? "sa" : "postgres";
    }

    public String password() {
        return "";
    }

    /** The migrated database, its tables empty. */
    public DataSource empty() {
        DataSource dataSource = dataSource();
        JdbcClient jdbc = JdbcClient.create(dataSource);
        if (this == H2) {
            TABLES.forEach(table -> jdbc.sql("DELETE FROM " + table).update());
        } else {
            jdbc.sql("TRUNCATE " + String.join(", ", TABLES)).update();
        }
        return dataSource;
    }

    /** The migrated database as the last test left it. */
    public synchronized DataSource dataSource() {
        DataSource dataSource = connect(url());
        if (!migrated) {
            migrate(dataSource);
            migrated = true;
        }
        return dataSource;
    }

    /** The address of a new PostgreSQL database without any table. */
    public static String emptyPostgresqlDatabase(String name) {
        JdbcClient jdbc = JdbcClient.create(server().getPostgresDatabase());
        jdbc.sql("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)").update();
        jdbc.sql("CREATE DATABASE " + name).update();
        return urlOf(name);
    }

    public static void migrate(DataSource dataSource) {
        try {
            migration(dataSource).afterPropertiesSet();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    public static Migration migration(DataSource dataSource) {
        LIQUIBASE.setLevel(Level.WARNING);
        Migration migration = new Migration(dataSource);
        migration.setResourceLoader(new DefaultResourceLoader());
        return migration;
    }

    public DataSource connect(String url) {
        if (this == H2) {
            return JdbcConnectionPool.create(url, username(), password());
        }
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setUrl(url);
        dataSource.setUser(username());
        return dataSource;
    }

    private static String urlOf(String database) {
        EmbeddedPostgres postgres = server();
        return "jdbc:postgresql://127.0.0.1:" + postgres.getPort() + "/" + database
                + "?stringtype=unspecified&options=-c%20TimeZone=Pacific/Auckland";
    }

    private static synchronized EmbeddedPostgres server() {
        if (server == null) {
            try {
                server = EmbeddedPostgres.builder()
                        .setServerConfig("fsync", "off")
                        .setServerConfig("max_connections", "200")
                        .setServerConfig("listen_addresses", "127.0.0.1")
                        .setLocaleConfig("locale", "C")
                        .start();
                Runtime.getRuntime().addShutdownHook(new Thread(TestDatabase::stop));
                try (Connection connection = server.getPostgresDatabase().getConnection();
                        var statement = connection.createStatement()) {
                    statement.execute("CREATE DATABASE parley");
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (java.sql.SQLException e) {
                throw new IllegalStateException(e);
            }
        }
        return server;
    }

    private static void stop() {
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
