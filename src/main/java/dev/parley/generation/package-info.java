/**
 * Makes one conversation from one item: prompt, call, raw file, parse, check, final file, score.
 *
 * <p>Way in: {@link dev.parley.generation.ConversationGenerator}. Uses {@code provider}, {@code catalog}, {@code archive}
 * and {@code conversation}.
 */
@NullMarked
package dev.parley.generation;

import org.jspecify.annotations.NullMarked;
