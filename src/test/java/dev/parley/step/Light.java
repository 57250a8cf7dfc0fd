package dev.parley.step;

import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.repository.support.ResourcelessJobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.item.ItemReader;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.springframework.batch.infrastructure.support.transaction.ResourcelessTransactionManager;

/** A step without a job and without a database, and simple ends for it. */
final class Light {
    static final String NAME = "light";

    private Light() {}

    static <I, O> ConcurrentChunkStep.Builder<I, O> step() {
        return ConcurrentChunkStep.named(NAME, new ResourcelessJobRepository(), new ResourcelessTransactionManager());
    }

    static StepExecution run(Step step) throws Exception {
        return run(step, execution());
    }

    static StepExecution run(Step step, StepExecution execution) throws Exception {
        step.execute(execution);
        return execution;
    }

    static StepExecution execution() {
        JobRepository repository = new ResourcelessJobRepository();
        JobParameters none = new JobParameters();
        JobExecution job =
                repository.createJobExecution(repository.createJobInstance("job", none), none, new ExecutionContext());
        return repository.createStepExecution(NAME, job);
    }

    /** Hands out 1..n, then null. Not thread-safe, as readers need not be. */
    static ItemReader<Integer> numbers(int n) {
        Iterator<Integer> numbers = IntStream.rangeClosed(1, n).iterator();
        return () -> numbers.hasNext() ? numbers.next() : null;
    }

    /** Never ends. */
    static ItemReader<Integer> endless() {
        return numbers(Integer.MAX_VALUE);
    }

    static final class Collected<T> {
        final List<List<T>> chunks = new CopyOnWriteArrayList<>();

        ItemWriter<T> writer() {
            return chunk -> chunks.add(List.copyOf(chunk.getItems()));
        }

        List<T> items() {
            return chunks.stream().flatMap(List::stream).toList();
        }
    }

    static List<String> threadsLeft() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith(NAME + "-"))
                .toList();
    }
}
