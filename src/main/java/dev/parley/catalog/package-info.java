/**
 * Personas, emotional arcs, training topics and prompt templates: what conversations are made from.
 *
 * <p>Way in: {@link dev.parley.catalog.Catalogs} reads a {@link dev.parley.catalog.Catalog} from the tables, and
 * {@link dev.parley.catalog.CatalogFiles} brings the tables up to what YAML files say. {@link dev.parley.catalog.StrictYaml}
 * reads those files, and others that people write. Uses nothing of ours.
 */
@NullMarked
package dev.parley.catalog;

import org.jspecify.annotations.NullMarked;
