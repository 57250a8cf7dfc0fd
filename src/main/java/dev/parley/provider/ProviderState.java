package dev.parley.provider;

import java.time.Duration;

/**
 * How a provider that is paid is at a moment, and how long calls waited for their turn since the process was started.
 *
 * @param down whether it has answered nothing for so long that no calls are made, but to see whether it works again
 * @param inFlight calls that wait for their answer
 * @param allowed how many may be in flight; {@link Integer#MAX_VALUE} as long as the provider never said that it is too much
 * @param turns calls that have had their turn
 * @param waited how long all of these waited for it together
 */
public record ProviderState(String name, boolean down, int inFlight, int allowed, long turns, Duration waited) {}
