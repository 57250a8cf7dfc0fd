package dev.parley.generation;

/** Makes conversations, GENERATION.md's stages in order. Thread-safe. */
public class ConversationGenerator {
    public GenerationResult generate(GenerationRequest request) {
        throw new UnsupportedOperationException(request.toString());
    }
}
