package dev.parley.provider;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One question to a model.
 *
 * @param idempotencyKey the conversation's key; with a suffix {@code -2}, {@code -3}… once the request itself has changed
 * @param model the provider's model id, or null for the provider's configured one
 * @param maxOutputTokens the most the answer may hold
 * @param stablePrefix the part equal for all requests of one template, which a provider may cache
 * @param prompt what differs from request to request
 * @param jsonSchema the answer's JSON schema, for providers with structured output; null asks for free text
 * @param extra further fields of the provider's request body, from configuration; never set by default
 */
public record ModelRequest(
        String idempotencyKey,
        @Nullable String model,
        int maxOutputTokens,
        String stablePrefix,
        String prompt,
        @Nullable String jsonSchema,
        Map<String, Object> extra) {}
