package dev.parley.serve;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.parley.tracking.TrackingSettings.Durability;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a connection is sent. Frames are numbered as they come in, from 1, whatever is in them. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
@JsonSubTypes({
    @JsonSubTypes.Type(value = ServerFrame.Ready.class, name = "ready"),
    @JsonSubTypes.Type(value = ServerFrame.Ack.class, name = "ack"),
    @JsonSubTypes.Type(value = ServerFrame.Nack.class, name = "nack"),
    @JsonSubTypes.Type(value = ServerFrame.Error.class, name = "error"),
    @JsonSubTypes.Type(value = ServerFrame.Pong.class, name = "pong")
})
@JsonInclude(JsonInclude.Include.NON_NULL)
sealed interface ServerFrame {
    /**
     * A session is started or resumed.
     *
     * @param credit how many frames may be unsettled at a time
     * @param maxFrameBytes of one frame in UTF-8
     * @param durability what an ack promises
     */
    record Ready(UUID sessionId, int credit, long maxFrameBytes, Durability durability) implements ServerFrame {}

    /**
     * All frames up to that one are settled: recorded as safely as was promised, or refused by a nack or an error before it.
     *
     * @param credit how many frames may be unsettled from now on: fewer while the tracker's queue is filling
     */
    record Ack(long upTo, int credit) implements ServerFrame {}

    /**
     * A frame is not recorded.
     *
     * @param retryAfterMs after which it may be sent again; absent when that is of no use
     */
    record Nack(
            long frame,
            @Nullable UUID sessionId,
            @Nullable UUID messageId,
            Refusal.Reason reason,
            String detail,
            @Nullable Long retryAfterMs)
            implements ServerFrame {}

    /** A frame cannot be understood; those {@code fatal} are the last of their connection. */
    record Error(long frame, Refusal.Reason reason, String detail, boolean fatal) implements ServerFrame {}

    /** The answer to a ping. */
    record Pong(long frame) implements ServerFrame {}
}
