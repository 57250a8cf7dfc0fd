package dev.parley.work;

import java.time.Duration;

/**
 * Who holds a claim, and for how long unless it is renewed.
 *
 * @param id positive while the process proves by an advisory lock that it lives, negative where only the lease counts
 * @param lease whole seconds
 */
public record ClaimOwner(int id, Duration lease) {}
