package dev.parley.catalog;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.util.UUID;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.sql.DataSource;
import liquibase.Liquibase;
import liquibase.database.jvm.JdbcConnection;
import liquibase.resource.ClassLoaderResourceAccessor;
import org.h2.jdbcx.JdbcConnectionPool;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DriverManagerDataSource;

/** The two databases that Parley runs on; a new one, with our schema, for each test. */
enum TestDatabase {
    H2 {
        @Override
        DataSource empty() {
            // A pool, because H2 2.4 checks a constraint in the session that made it, which has to stay open.
            DataSource dataSource = JdbcConnectionPool.create(
                    "jdbc:h2:mem:" + UUID.randomUUID() + ";MODE=PostgreSQL;DEFAULT_NULL_ORDERING=HIGH", "sa", "");
            migrate(dataSource);
            return dataSource;
        }
    },
    POSTGRESQL {
        @Override
        DataSource empty() {
            return Server.INSTANCE.create("test_" + UUID.randomUUID().toString().replace('-', '_'), "migrated");
        }
    };

    /** Held, because java.util.logging forgets the level of a logger that nobody holds. */
    private static final Logger LIQUIBASE = Logger.getLogger("liquibase");

    abstract DataSource empty();

    private static void migrate(DataSource dataSource) {
        LIQUIBASE.setLevel(Level.WARNING);
        try (Connection connection = dataSource.getConnection();
                Liquibase liquibase = new Liquibase(
                        "changelog/changelog.yaml",
                        new ClassLoaderResourceAccessor(),
                        new JdbcConnection(connection))) {
            liquibase.update("");
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** One a JVM, started when first needed; each database is a copy of the one that was migrated. */
    private static final class Server {
        static final Server INSTANCE = new Server();

        private final EmbeddedPostgres postgres;

        private Server() {
            try {
                postgres = EmbeddedPostgres.builder()
                        .setServerConfig("fsync", "off")
                        .setServerConfig("listen_addresses", "127.0.0.1")
                        .setLocaleConfig("locale", "C")
                        .start();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            Runtime.getRuntime().addShutdownHook(new Thread(this::stop));
            migrate(create("migrated", "template1"));
        }

        DataSource create(String name, String template) {
            JdbcClient.create(postgres.getPostgresDatabase())
                    .sql("CREATE DATABASE " + name + " TEMPLATE " + template)
                    .update();
            return new DriverManagerDataSource("jdbc:postgresql://127.0.0.1:" + postgres.getPort() + "/" + name
                    + "?user=postgres&stringtype=unspecified&options=-c%20TimeZone=Pacific/Auckland");
        }

        private void stop() {
            try {
                postgres.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
