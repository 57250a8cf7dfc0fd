/**
 * Personas, emotional arcs, training topics and prompt templates: what conversations are made from.
 *
 * <p>Way in: {@link dev.parley.catalog.Catalog}, which is read from the tables; {@code CatalogFiles} fills the tables from
 * YAML. Uses nothing of ours.
 */
@NullMarked
package dev.parley.catalog;

import org.jspecify.annotations.NullMarked;
