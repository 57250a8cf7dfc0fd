package dev.parley.serve;

import dev.parley.launch.Views;
import dev.parley.launch.Views.CauseView;
import dev.parley.launch.Views.JobView;
import dev.parley.work.BatchJobs;
import java.io.IOException;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.context.SmartLifecycle;
import org.springframework.dao.DataAccessException;
import org.springframework.stereotype.Component;
import org.springframework.transaction.TransactionException;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;
import tools.jackson.databind.json.JsonMapper;

/**
 * Tells those who watch what changes. One thread looks once a second, and only while somebody watches, whatever their number:
 * one statement says which jobs have changed, and only these are read again.
 *
 * <p>What is to be told a watcher is kept by job, the newest state only, and written by a thread that he may hold up: one who
 * does not read misses what was in between, and nobody waits for him. All that is kept of a watcher is guarded by himself.
 */
@Component
@ConditionalOnWebApplication
class Watching implements SmartLifecycle {
    private static final Logger log = LoggerFactory.getLogger(Watching.class);
    private static final int FIRST_PAGE = 20;
    private static final int MOST_WATCHERS = 500;
    private static final long HEARTBEAT_SECONDS = 15;

    /** What is in hand changes without a word; open jobs are read again after so many looks in any case. */
    private static final int LOOKS_BETWEEN = 5;

    private final ShownJobs shown;
    private final Views views;
    private final BatchJobs jobs;
    private final JsonMapper json;
    private final Set<Watcher> watchers = ConcurrentHashMap.newKeySet();
    private final ExecutorService writers = Executors.newCachedThreadPool(daemon("parley-events-writer"));
    private @Nullable ScheduledExecutorService looks; // guarded by this

    private Map<UUID, Instant> versions = Map.of(); // of the looking thread, as the next three
    private final Map<UUID, JobView> known = new HashMap<>();
    private final Map<UUID, List<CauseView>> causes = new HashMap<>();
    private int looked;

    Watching(ShownJobs shown, Views views, BatchJobs jobs, JsonMapper json) {
        this.shown = shown;
        this.views = views;
        this.jobs = jobs;
        this.json = json;
    }

    /** The job that a watcher named, and why its items failed. */
    private record Told(JobView job, Failures failures) {}

    private record Failures(List<CauseView> causes) {}

    /** @param job that he named; null is none */
    SseEmitter watch(@Nullable UUID job) {
        if (watchers.size() >= MOST_WATCHERS) {
            throw new BusyException("There are " + MOST_WATCHERS + " who watch already");
        }
        SseEmitter emitter = new SseEmitter(0L);
        Watcher watcher = new Watcher(job, emitter);
        emitter.onCompletion(() -> watchers.remove(watcher));
        emitter.onTimeout(() -> watchers.remove(watcher));
        emitter.onError(e -> watchers.remove(watcher));
        watchers.add(watcher);
        return emitter;
    }

    private void look() {
        try {
            Set<Watcher> now = Set.copyOf(watchers);
            if (now.isEmpty()) {
                versions = Map.of(); // who comes next is told anew
                known.clear();
                causes.clear();
                return;
            }
            Set<UUID> changed = changed(now);
            now.forEach(watcher -> watcher.tell(changed));
            looked++;
        } catch (DataAccessException | TransactionException e) {
            log.debug("Nothing to tell those who watch: {}", e.getMessage());
        } catch (RejectedExecutionException e) {
            log.debug("Those who watch are let go");
        } catch (RuntimeException e) { // the executor would never call again
            log.error("Those who watch are told nothing of this", e);
        }
    }

    /** Reads what has changed since the last look. */
    private Set<UUID> changed(Collection<Watcher> now) {
        Set<UUID> named = new HashSet<>();
        now.forEach(watcher -> {
            if (watcher.job != null) {
                named.add(watcher.job);
            }
        });
        Map<UUID, Instant> versionsNow = jobs.versions(FIRST_PAGE, named);
        Set<UUID> suspected = new HashSet<>();
        versionsNow.forEach((id, version) -> {
            JobView before = known.get(id);
            boolean open = before != null && before.completedAt() == null;
            if (before == null || !version.equals(versions.get(id)) || (open && looked % LOOKS_BETWEEN == 0)) {
                suspected.add(id);
            }
        });
        versions = versionsNow;
        known.keySet().retainAll(versionsNow.keySet());
        causes.keySet().retainAll(versionsNow.keySet());
        Set<UUID> changed = new HashSet<>();
        for (JobView job : shown.among(suspected)) {
            JobView before = known.put(job.id(), job);
            if (named.contains(job.id())
                    && (before == null || before.failed() != job.failed() || !causes.containsKey(job.id()))) {
                causes.put(job.id(), views.failures(job.id()));
            }
            if (!job.equals(before)) {
                changed.add(job.id());
            }
        }
        for (UUID job : named) { // of one that is named from now on, and did not change
            if (known.containsKey(job) && !causes.containsKey(job)) {
                causes.put(job, views.failures(job));
            }
        }
        return changed;
    }

    @Override
    public synchronized void start() {
        if (looks == null) {
            looks = Executors.newSingleThreadScheduledExecutor(daemon("parley-events"));
            looks.scheduleWithFixedDelay(this::look, 1_000, 1_000, TimeUnit.MILLISECONDS);
            looks.scheduleWithFixedDelay(
                    () -> watchers.forEach(Watcher::beat), HEARTBEAT_SECONDS, HEARTBEAT_SECONDS, TimeUnit.SECONDS);
        }
    }

    /** Before the web server stops, which would wait for streams to end. */
    @Override
    public synchronized void stop() {
        if (looks != null) {
            looks.shutdownNow();
            looks = null;
            watchers.forEach(watcher -> writers.execute(watcher.emitter::complete));
            writers.shutdown();
        }
    }

    @Override
    public synchronized boolean isRunning() {
        return looks != null;
    }

    private static ThreadFactory daemon(String name) {
        return task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        };
    }

    /** One who watches. */
    private final class Watcher {
        private final @Nullable UUID job;
        private final SseEmitter emitter;
        private final Map<UUID, JobView> page = new LinkedHashMap<>();
        private @Nullable Told named;
        private boolean beat;
        private boolean greeted;
        private boolean writing;

        private Watcher(@Nullable UUID job, SseEmitter emitter) {
            this.job = job;
            this.emitter = emitter;
        }

        /** Called by the looking thread. */
        private synchronized void tell(Set<UUID> changed) {
            for (JobView view : ShownJobs.newestOf(known.values(), FIRST_PAGE)) {
                if (!greeted || changed.contains(view.id())) {
                    page.put(view.id(), view);
                }
            }
            JobView view = job == null ? null : known.get(job);
            if (view != null && (!greeted || changed.contains(view.id()))) {
                named = new Told(view, new Failures(causes.getOrDefault(view.id(), List.of())));
            }
            greeted = true;
            if (!page.isEmpty() || named != null) {
                write();
            }
        }

        private synchronized void beat() {
            beat = true;
            write();
        }

        private synchronized void write() {
            if (!writing) {
                writing = true;
                writers.execute(this::writeAll);
            }
        }

        private void writeAll() {
            try {
                for (SseEmitter.SseEventBuilder event = next(); event != null; event = next()) {
                    emitter.send(event);
                }
            } catch (IOException | IllegalStateException e) { // he is gone, or has not read for too long
                watchers.remove(this);
            }
        }

        private synchronized SseEmitter.@Nullable SseEventBuilder next() {
            Told told = named;
            if (told != null) {
                named = null;
                return SseEmitter.event().name("job").data(json.writeValueAsString(told));
            }
            if (!page.isEmpty()) {
                List<JobView> some = List.copyOf(page.values());
                page.clear();
                return SseEmitter.event().name("jobs").data(json.writeValueAsString(some));
            }
            if (beat) {
                beat = false;
                return SseEmitter.event().comment("");
            }
            writing = false;
            return null;
        }
    }
}
