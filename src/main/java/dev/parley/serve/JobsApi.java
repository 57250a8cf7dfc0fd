package dev.parley.serve;

import dev.parley.launch.Views;
import java.util.List;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Jobs, as the page and other programs read them. */
@RestController
@RequestMapping("/api/jobs")
class JobsApi {
    private final Views views;

    JobsApi(Views views) {
        this.views = views;
    }

    /** Newest first. */
    @GetMapping
    List<Views.JobView> jobs() {
        return views.jobs(null, null, 20);
    }
}
