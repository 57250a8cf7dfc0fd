package dev.parley.step;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.util.UUID;
import org.springframework.batch.core.configuration.support.MapJobRegistry;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.launch.support.TaskExecutorJobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.repository.support.JdbcJobRepositoryFactoryBean;
import org.springframework.batch.core.step.Step;
import org.springframework.core.io.ClassPathResource;
import org.springframework.core.task.SyncTaskExecutor;
import org.springframework.core.task.TaskExecutor;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.init.ResourceDatabasePopulator;
import org.springframework.jdbc.support.JdbcTransactionManager;

/** Spring Batch's real repository and operator over a database of their own in memory. */
final class Metadata implements AutoCloseable {
    final HikariDataSource dataSource;
    final JdbcTransactionManager transactions;
    final JobRepository repository;
    final JdbcClient jdbc;
    private final MapJobRegistry registry = new MapJobRegistry();

    Metadata() throws Exception {
        this(10);
    }

    Metadata(int connections) throws Exception {
        HikariConfig pool = new HikariConfig();
        pool.setJdbcUrl("jdbc:h2:mem:" + UUID.randomUUID() + ";DB_CLOSE_DELAY=-1");
        pool.setMaximumPoolSize(connections);
        dataSource = new HikariDataSource(pool);
        new ResourceDatabasePopulator(new ClassPathResource("org/springframework/batch/core/schema-h2.sql"))
                .execute(dataSource);
        transactions = new JdbcTransactionManager(dataSource);
        jdbc = JdbcClient.create(dataSource);
        JdbcJobRepositoryFactoryBean factory = new JdbcJobRepositoryFactoryBean();
        factory.setDataSource(dataSource);
        factory.setTransactionManager(transactions);
        factory.setIsolationLevelForCreate("ISOLATION_READ_COMMITTED");
        factory.afterPropertiesSet();
        repository = factory.getObject();
    }

    Job job(Step step) throws Exception {
        Job job = new JobBuilder("job-" + UUID.randomUUID(), repository)
                .start(step)
                .build();
        registry.register(job);
        return job;
    }

    JobExecution run(Step step) throws Exception {
        return operator(new SyncTaskExecutor()).start(job(step), parameters());
    }

    static JobParameters parameters() {
        return new JobParametersBuilder()
                .addString("run", UUID.randomUUID().toString())
                .toJobParameters();
    }

    JobOperator operator(TaskExecutor executor) throws Exception {
        TaskExecutorJobOperator operator = new TaskExecutorJobOperator();
        operator.setJobRepository(repository);
        operator.setJobRegistry(registry);
        operator.setTaskExecutor(executor);
        operator.afterPropertiesSet();
        return operator;
    }

    /** What the tables say, whatever the objects in memory do. */
    String stored(JobExecution execution) {
        String job = jdbc.sql("SELECT STATUS FROM BATCH_JOB_EXECUTION WHERE JOB_EXECUTION_ID = ?")
                .param(execution.getId())
                .query(String.class)
                .single();
        String step = jdbc.sql("""
                        SELECT STATUS FROM BATCH_STEP_EXECUTION WHERE JOB_EXECUTION_ID = ?
                         ORDER BY STEP_EXECUTION_ID DESC LIMIT 1
                        """).param(execution.getId()).query(String.class).single();
        return job + "/" + step;
    }

    @Override
    public void close() {
        jdbc.sql("SHUTDOWN").update();
        dataSource.close();
    }
}
