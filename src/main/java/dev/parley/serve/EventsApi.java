package dev.parley.serve;

import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/** What changes, as it changes. */
@RestController
@ConditionalOnWebApplication
@RequestMapping("/api/events")
@Tag(name = "events", description = "What changes, as it changes")
class EventsApi {
    private final ShownJobs jobs;
    private final Watching watching;

    EventsApi(ShownJobs jobs, Watching watching) {
        this.jobs = jobs;
        this.watching = watching;
    }

    @Operation(
            summary = "Server-sent events of what changes",
            description =
                    "Event `jobs`: those of the newest 20 jobs that changed, as a list; all of them at first. Event"
                            + " `job`: the named job and its failures by cause. Once a second at most, and only when something"
                            + " changed; a comment every 15 seconds. Who reads slowly misses what was in between, never the last.")
    @GetMapping(produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    SseEmitter events(
            @Parameter(description = "Also tells of this job, whether or not it is among the newest")
                    @RequestParam(required = false)
                    @Nullable
                    UUID job) {
        if (job != null) {
            jobs.job(job);
        }
        return watching.watch(job);
    }
}
