/**
 * The port to model providers, its adapters, and what a call costs.
 *
 * <p>Way in: {@link dev.parley.provider.ModelProviders}, which hands out a {@link dev.parley.provider.ModelProvider} by
 * name, and {@link dev.parley.provider.Prices}. Uses nothing of ours. A call returns the provider's bytes, unread; reading
 * them is a second step, so that the caller can store what was paid for before anything looks inside.
 */
@NullMarked
package dev.parley.provider;

import org.jspecify.annotations.NullMarked;
