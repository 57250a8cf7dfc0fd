package dev.parley.provider;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What all providers' envelopes have in common: a JSON object, or a reason why it is none. */
final class Envelope {
    private static final JsonMapper JSON = JsonMapper.shared();

    private Envelope() {}

    /** @throws ModelException when the body is no JSON object */
    static JsonNode parse(byte[] body) {
        if (body.length == 0) {
            throw malformed("it is empty", null);
        }
        try {
            JsonNode root = JSON.readTree(body);
            if (root.isObject()) {
                return root;
            }
        } catch (JacksonException e) {
            throw malformed("it is no JSON" + where(e) + beginningOf(body), e);
        }
        throw malformed("it is no JSON object" + beginningOf(body), null);
    }

    /** The envelope is JSON, and lacks what it must have. */
    static ModelException without(String what, JsonNode envelope) {
        String type = envelope.path("error").path("type").asString("");
        return malformed("it has no " + what + (type.isEmpty() ? "" : " but an error, " + type), null);
    }

    private static String where(JacksonException e) {
        TokenStreamLocation at = e.getLocation();
        return at == null ? "" : " from line " + at.getLineNr() + ", column " + at.getColumnNr();
    }

    /** A proxy's page is shown, a model's answer is not. */
    private static String beginningOf(byte[] body) {
        return body[0] == '{' || body[0] == '[' ? "" : ": " + FailurePolicy.prefixOf(body);
    }

    private static ModelException malformed(String what, @Nullable JacksonException cause) {
        String detail = "the answer's envelope cannot be read: " + what;
        return new ModelException(FailureCode.MALFORMED_ENVELOPE.because(detail), cause);
    }
}
