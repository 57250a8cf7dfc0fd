package dev.parley.provider;

import static dev.parley.provider.ModelFailure.Next.FAIL;
import static dev.parley.provider.ModelFailure.Next.FAIL_FOR_NOW;
import static dev.parley.provider.ModelFailure.Next.PAUSE_JOB;
import static dev.parley.provider.ModelFailure.Next.RETRY;
import static dev.parley.provider.ModelFailure.Next.RETRY_CHANGED;
import static dev.parley.provider.ModelFailure.Next.WAIT;

import dev.parley.provider.ModelFailure.Next;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Every way in which a conversation can fail to come about, and what happens next. The README's table is made from this one.
 *
 * <p>The lower-case name is what {@code batch_items.error_code} and {@code generation_logs.error_code} hold: it never changes.
 */
public enum FailureCode {
    RATE_LIMITED(WAIT, "HTTP 429, with or without `retry-after`"),
    RAMP_LIMITED(WAIT, "HTTP 429 with `ramp_limit_exceeded`: the load grew too fast"),
    OVERLOADED(WAIT, "HTTP 529; HTTP 503 that says so"),

    PROVIDER_ERROR(RETRY, "HTTP 500 and other 5xx"),
    PROVIDER_UNAVAILABLE(RETRY, "HTTP 502, 503"),
    CONFLICT(RETRY, "HTTP 409"),
    TIMED_OUT(RETRY, "no whole answer within the provider's `call-timeout`; HTTP 408, 504"),
    CONNECT_TIMED_OUT(RETRY, "no connection in time"),
    CONNECTION_REFUSED(RETRY, "nobody listens at the provider's address"),
    CONNECTION_RESET(RETRY, "the connection was closed before there was an answer"),
    CONNECTION_FAILED(RETRY, "any other failure of the connection"),
    ANSWER_CUT(RETRY, "the connection ended in the middle of the answer"),
    STORAGE_FAILED(RETRY, "the object store cannot be read or does not take the answer; a paid answer is kept locally"),
    BATCH_EXPIRED(RETRY, "the provider's batch expired before it came to the item; not billed"),
    BATCH_CANCELED(WAIT, "the provider's batch was cancelled before it came to the item; not billed"),

    ANSWER_LOST(
            PAUSE_JOB,
            "neither the object store nor the folder `parley.data` takes a paid answer: a full disk, as a rule; another call would be lost as well"),
    SPEND_LIMIT_REACHED(PAUSE_JOB, "HTTP 400 or 429: a spend limit of yours or the provider's, to its date"),
    BILLING_FAILED(PAUSE_JOB, "HTTP 402; HTTP 400 or 429 because the credit or quota is used up"),
    ORGANIZATION_ON_HOLD(PAUSE_JOB, "HTTP 400: the organization is on hold or disabled"),
    AUTHENTICATION_FAILED(PAUSE_JOB, "HTTP 401; HTTP 400 about the key"),
    PERMISSION_DENIED(PAUSE_JOB, "HTTP 403"),
    NOT_FOUND(PAUSE_JOB, "HTTP 404: the model or the base URL is wrong"),
    UNEXPECTED_REDIRECT(PAUSE_JOB, "HTTP 1xx, 3xx: the base URL is wrong"),
    INVALID_SETTINGS(
            PAUSE_JOB,
            "a request that the settings make impossible; HTTP 400 about a parameter or schema that the model does not take"),

    TRUNCATED(
            RETRY_CHANGED,
            "the output limit or the context window cut the answer; fails when nothing is left to change"),

    INVALID_REQUEST(FAIL, "HTTP 400"),
    REQUEST_TOO_LARGE(
            FAIL,
            "HTTP 413; HTTP 400 or 429 because prompt and answer do not fit the context window or a minute's limit"),
    UNEXPECTED_STATUS(FAIL, "any other HTTP 4xx"),
    REFUSED(FAIL, "the model declined (`refusal`), or a content filter did"),
    EMPTY_ANSWER(FAIL, "the answer has no text"),
    UNKNOWN_STOP_REASON(FAIL, "the model stopped for a reason unknown to this version; needs a look"),
    MALFORMED_ENVELOPE(FAIL, "HTTP 200, but not the provider's envelope; kept, needs a look"),
    PARSE_FAILED(FAIL, "the answer is no conversation document, not even after repair; kept, needs a look"),
    INVALID_DOCUMENT(FAIL, "the document misses something that it needs; all findings are listed"),
    INTERNAL_ERROR(FAIL, "a fault of this program; the application log has it"),
    INVALID_PARAMETERS(FAIL, "the item names what the catalog does not have; no call is made"),
    TEMPLATE_NOT_FOUND(FAIL, "no active template fits the arc; no call is made"),
    TEMPLATE_INVALID(FAIL, "a placeholder that nothing fills; no call is made"),
    NO_STORED_ANSWER(
            FAIL_FOR_NOW, "`retry --parse-only`, and no answer is stored that could be parsed; no call is made");

    private final Next next;
    private final String when;

    FailureCode(Next next, String when) {
        this.next = next;
        this.when = when;
    }

    /** As tables and reports spell it. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    public Next next() {
        return next;
    }

    /** When it happens, for a person; in Markdown. */
    public String when() {
        return when;
    }

    /** Whether the provider may have billed a call that failed like this, though no usage came back. */
    public boolean mayBeBilled() {
        return switch (this) {
            case TIMED_OUT, CONNECTION_RESET, CONNECTION_FAILED, ANSWER_CUT, MALFORMED_ENVELOPE -> true;
            default -> false;
        };
    }

    /** @param detail one line for a person, see {@link ModelFailure#detail()} */
    public ModelFailure because(String detail) {
        return new ModelFailure(key(), detail, next, null, null);
    }

    /** The constant behind a key; null for one that is not of this list. */
    public static @Nullable FailureCode of(String key) {
        for (FailureCode code : values()) {
            if (code.key().equals(key)) {
                return code;
            }
        }
        return null;
    }
}
