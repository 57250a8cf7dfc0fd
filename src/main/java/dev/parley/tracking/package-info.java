/**
 * Live conversations: sessions and messages, recorded without the caller ever waiting.
 *
 * <p>Way in: {@link dev.parley.tracking.ConversationTracker}; {@link dev.parley.tracking.ConversationSessions} reads what is
 * recorded. Uses {@code database}; knows neither the web nor Spring Batch, so that any Spring application can have it by
 * importing {@link dev.parley.tracking.TrackingConfiguration}.
 *
 * <p>What is tracked goes through a bounded queue into a journal on local disk, and from there to the database: a database
 * that is slow or away, and a process that is killed, cost nothing that was journalled.
 */
@NullMarked
package dev.parley.tracking;

import org.jspecify.annotations.NullMarked;
