package dev.parley;

import dev.parley.batch.GenerateRuns;
import dev.parley.catalog.CatalogFiles;
import dev.parley.catalog.Tier;
import dev.parley.work.BatchJob;
import dev.parley.work.BatchJobs;
import dev.parley.work.ErrorHandling;
import dev.parley.work.ItemParameters;
import dev.parley.work.JobSettings;
import dev.parley.work.NewJob;
import dev.parley.work.Priority;
import java.net.URI;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The whole program in this JVM, on one of the test databases and a folder of its own, with the shipped catalog loaded. */
public final class TestApplication implements AutoCloseable {
    public static final UUID DAVID_CHEN = UUID.fromString("aa514346-cd61-42ac-adad-498934975402");
    public static final UUID CONFUSION_TO_CLARITY = UUID.fromString("53583301-5758-4781-99df-57b9c5fc1949");
    public static final UUID COUPLE_CONFLICT = UUID.fromString("33d2ac3e-3f92-44a5-a53d-788fdece2545");
    public static final UUID ESTATE_PLANNING = UUID.fromString("aee7b6c2-42e2-4ef4-8184-be12abe38eb5");

    private final ConfigurableApplicationContext context;

    private TestApplication(ConfigurableApplicationContext context) {
        this.context = context;
    }

    /** Starts it on empty tables. */
    public static TestApplication start(TestDatabase database, Path data, String... properties) {
        database.empty();
        TestApplication started = startAnother(database, data, properties);
        started.bean(CatalogFiles.class).load(Path.of("jobs", "catalog"));
        return started;
    }

    /**
     * Starts it as one more process would be, on what is there.
     *
     * @param properties the last of one name wins, also over ours
     */
    public static TestApplication startAnother(TestDatabase database, Path data, String... properties) {
        return start(WebApplicationType.NONE, database, data, properties);
    }

    /** Starts it on empty tables, listening on a free port of loopback, as {@code parley serve} does. */
    public static TestApplication startServing(TestDatabase database, Path data, String... properties) {
        database.empty();
        TestApplication started = startServingAnother(database, data, properties);
        started.bean(CatalogFiles.class).load(Path.of("jobs", "catalog"));
        return started;
    }

    /** The same on what is there. */
    public static TestApplication startServingAnother(TestDatabase database, Path data, String... properties) {
        String[] withPort = Stream.concat(Stream.of("server.port=0"), Arrays.stream(properties))
                .toArray(String[]::new);
        return start(WebApplicationType.SERVLET, database, data, withPort);
    }

    /** Where it listens. */
    public URI address() {
        return URI.create(
                "http://127.0.0.1:" + context.getEnvironment().getRequiredProperty("local.server.port", Integer.class));
    }

    private static TestApplication start(
            WebApplicationType type, TestDatabase database, Path data, String... properties) {
        Map<String, String> arguments = new LinkedHashMap<>();
        arguments.put("spring.datasource.url", database.url());
        arguments.put("spring.datasource.username", database.username());
        arguments.put("spring.datasource.password", database.password());
        arguments.put("parley.data", data.toString());
        arguments.put("parley.generate.linger", "20ms");
        arguments.put("parley.generate.retry.delay", "1ms");
        arguments.put("parley.generate.retry.max-delay", "2ms");
        for (String property : properties) {
            String[] nameAndValue = property.replaceFirst("^--", "").split("=", 2);
            arguments.put(nameAndValue[0], nameAndValue[1]);
        }
        SpringApplication application = new SpringApplication(Parley.class);
        application.setWebApplicationType(type);
        return new TestApplication(application.run(arguments.entrySet().stream()
                .map(argument -> "--" + argument.getKey() + "=" + argument.getValue())
                .toArray(String[]::new)));
    }

    public <T> T bean(Class<T> type) {
        return context.getBean(type);
    }

    /** As a command gets it. */
    public BeanFactory beans() {
        return context;
    }

    public JdbcClient jdbc() {
        return bean(JdbcClient.class);
    }

    /** A job of the incident's combination, so many times. */
    public UUID enqueue(int items) {
        return enqueue(items, JobSettings.DEFAULTS, ErrorHandling.CONTINUE);
    }

    public UUID enqueue(int items, JobSettings settings, ErrorHandling errorHandling) {
        ItemParameters parameters =
                new ItemParameters(DAVID_CHEN, CONFUSION_TO_CLARITY, ESTATE_PLANNING, Tier.TEMPLATE, null);
        return bean(BatchJobs.class)
                .enqueue(
                        new NewJob(
                                "a job",
                                null,
                                null,
                                Tier.TEMPLATE,
                                Priority.NORMAL,
                                errorHandling,
                                settings,
                                null,
                                null,
                                null,
                                IntStream.range(0, items)
                                        .mapToObj(n -> new NewJob.Item(parameters, "Essential Estate Planning"))
                                        .toList()),
                        false)
                .jobId();
    }

    /** The same by a statement on PostgreSQL, for numbers that would take the program itself a while. */
    public UUID enqueueMany(int items) {
        UUID job = enqueue(1);
        jdbc().sql("""
                        INSERT INTO batch_items (id, batch_job_id, position, topic, tier, parameters, conversation_key)
                        SELECT gen_random_uuid(), i.batch_job_id, n, i.topic, i.tier, i.parameters, gen_random_uuid()
                          FROM batch_items i, generate_series(2, :items) n
                         WHERE i.batch_job_id = :job
                        """).param("items", items).param("job", job).update();
        jdbc().sql("UPDATE batch_jobs SET total_items = :items WHERE id = :job")
                .param("items", items)
                .param("job", job)
                .update();
        jdbc().sql("ANALYZE batch_items").update();
        return job;
    }

    public GenerateRuns.Outcome run(UUID... jobs) {
        try {
            return bean(GenerateRuns.class).run(List.of(jobs), GenerateRuns.Overrides.NONE);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    public BatchJob job(UUID id) {
        return bean(BatchJobs.class).find(id).orElseThrow();
    }

    /** Rows as column to value, in the order of the statement. */
    public List<Map<String, Object>> rows(String sql, Object... parameters) {
        return jdbc().sql(sql).params(parameters).query().listOfRows();
    }

    public long count(String sql, Object... parameters) {
        return jdbc().sql(sql).params(parameters).query(Long.class).single();
    }

    @Override
    public void close() {
        context.close();
    }
}
