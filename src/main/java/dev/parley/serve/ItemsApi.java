package dev.parley.serve;

import dev.parley.launch.Views;
import dev.parley.launch.Views.ConversationFile;
import dev.parley.launch.Views.ConversationView;
import dev.parley.launch.Views.Explanation;
import dev.parley.launch.Views.ScheduleView;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.List;
import java.util.UUID;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Items and conversations one by one, and the schedules that jobs come from. */
@RestController
@RequestMapping("/api")
@Tag(name = "items", description = "Items and conversations one by one, and the schedules that jobs come from")
class ItemsApi {
    private static final String KEY = "Either of its keys: the one in file names, or the primary key";

    private final Views views;

    ItemsApi(Views views) {
        this.views = views;
    }

    /** By name. */
    record Scheduled(List<ScheduleView> schedules) {}

    @Operation(summary = "An item: what it asks for, each call and its cost, and where else that succeeded")
    @GetMapping("/items/{id}")
    Explanation item(@Parameter(description = "The item's id") @PathVariable UUID id) {
        Explanation found = views.explain(id)
                .orElseThrow(() -> new UnknownException(
                        "There is no item " + id + "; GET /api/jobs/{job}/items lists those of a job"));
        return found.of(ShownJobs.addressed(found.job()));
    }

    @Operation(summary = "A conversation with its turns and what is felt in them")
    @GetMapping("/conversations/{key}")
    ConversationView conversation(@Parameter(description = KEY) @PathVariable UUID key) {
        return views.conversation(key)
                .orElseThrow(() -> new UnknownException("There is no conversation " + key
                        + ", by either of its keys; an item that is not completed may have none yet"));
    }

    @Operation(summary = "The model's answer that a conversation was made of, byte for byte")
    @GetMapping(path = "/conversations/{key}/raw", produces = MediaType.APPLICATION_OCTET_STREAM_VALUE)
    ResponseEntity<byte[]> raw(@Parameter(description = KEY) @PathVariable UUID key) {
        return download(key, ConversationFile.RAW, "raw.json");
    }

    @Operation(summary = "The document of a conversation")
    @GetMapping(path = "/conversations/{key}/final", produces = MediaType.APPLICATION_OCTET_STREAM_VALUE)
    ResponseEntity<byte[]> document(@Parameter(description = KEY) @PathVariable UUID key) {
        return download(key, ConversationFile.FINAL, "conversation.json");
    }

    @Operation(summary = "Scheduled job files, and what came of their last tick")
    @GetMapping("/schedules")
    Scheduled schedules() {
        return new Scheduled(views.schedules());
    }

    private ResponseEntity<byte[]> download(UUID key, ConversationFile file, String name) {
        return views.file(key, file)
                .map(bytes -> Downloads.attachment(key + "-" + name, bytes))
                .orElseThrow(() -> new UnknownException("Conversation " + key + " has no such file"));
    }
}
