package dev.parley.batch;

import dev.parley.Parley;
import dev.parley.archive.ObjectName;
import dev.parley.archive.ObjectStore;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** A process of its own that works on a job, and ends at once, as by {@code kill -9}, when it comes to a boundary. */
final class HaltingProcess {
    /** As a killed process's. */
    static final int EXIT_CODE = 137;

    /** Between which stages of an item it ends. */
    enum Boundary {
        /** The item is claimed, and nothing is known of an answer. */
        INTENT,
        /** The call is under way; whoever started the process kills it. */
        CALL,
        /** The answer has arrived. */
        RAW_BEFORE,
        /** The answer is stored. */
        RAW_AFTER,
        /** It is parsed and checked. */
        FINAL_BEFORE,
        FINAL_AFTER,
        /** All is written, and not committed. */
        DONE_BEFORE,
        DONE_AFTER
    }

    private static Boundary boundary = Boundary.INTENT;
    private static AtomicInteger left = new AtomicInteger();

    private HaltingProcess() {}

    /** @param args a {@link Boundary}, the how manieth time it is reached, a job, and settings */
    public static void main(String[] args) throws Exception {
        boundary = Boundary.valueOf(args[0]);
        left = new AtomicInteger(Integer.parseInt(args[1]));
        SpringApplication application = new SpringApplication(Parley.class, Hooks.class);
        application.setWebApplicationType(WebApplicationType.NONE);
        application
                .run(Arrays.copyOfRange(args, 3, args.length))
                .getBean(GenerateRuns.class)
                .run(List.of(UUID.fromString(args[2])), GenerateRuns.Overrides.NONE);
        System.exit(0); // it never came to the boundary
    }

    private static void reached(Boundary here) {
        if (here == boundary && left.decrementAndGet() == 0) {
            Runtime.getRuntime().halt(EXIT_CODE);
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Hooks {
        @Bean
        static BeanPostProcessor hooks() {
            return new BeanPostProcessor() {
                @Override
                public Object postProcessAfterInitialization(Object bean, String name) {
                    if (bean instanceof ObjectStore store) {
                        return watched(store);
                    }
                    return bean instanceof DataSource database ? watched(database) : bean;
                }
            };
        }

        private static ObjectStore watched(ObjectStore store) {
            return (ObjectStore) Proxy.newProxyInstance(
                    ObjectStore.class.getClassLoader(), new Class<?>[] {ObjectStore.class}, (proxy, method, args) -> {
                        String object = args[0] instanceof ObjectName name ? name.path() : "";
                        boolean raw = object.endsWith("_raw.json");
                        boolean whole = object.endsWith("/conversation.json");
                        if (raw && method.getName().equals("read")) {
                            reached(Boundary.INTENT);
                        }
                        if (raw && method.getName().equals("create")) {
                            reached(Boundary.RAW_BEFORE);
                        }
                        if (whole && method.getName().equals("write")) {
                            reached(Boundary.FINAL_BEFORE);
                        }
                        Object result = invoke(method, store, args);
                        if (raw && method.getName().equals("create")) {
                            reached(Boundary.RAW_AFTER);
                        }
                        if (whole && method.getName().equals("write")) {
                            reached(Boundary.FINAL_AFTER);
                        }
                        return result;
                    });
        }

        private static DataSource watched(DataSource database) {
            return new DelegatingDataSource(database) {
                @Override
                public Connection getConnection() throws SQLException {
                    return watched(super.getConnection());
                }
            };
        }

        /** The ledger is entered last in the transaction that records outcomes. */
        private static Connection watched(Connection connection) {
            boolean[] records = {false};
            return (Connection) Proxy.newProxyInstance(
                    Connection.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, args) -> {
                        boolean commits = method.getName().equals("commit") && records[0];
                        if (method.getName().equals("prepareStatement")) {
                            records[0] |= String.valueOf(args[0]).contains("INSERT INTO generation_logs");
                        }
                        if (commits) {
                            reached(Boundary.DONE_BEFORE);
                        }
                        Object result = invoke(method, connection, args);
                        if (commits) {
                            reached(Boundary.DONE_AFTER);
                        }
                        return result;
                    });
        }

        private static Object invoke(java.lang.reflect.Method method, Object target, Object[] args) throws Throwable {
            try {
                return method.invoke(target, args);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        }
    }
}
