package dev.parley.catalog;

import java.util.List;
import java.util.UUID;

/** What {@link CatalogFiles} does to each of the four tables. */
interface CatalogTable<T> {
    /** Every row, active or not, ordered by key. */
    List<T> all();

    /**
     * Adds a row.
     *
     * @throws org.springframework.dao.DuplicateKeyException when the id or the key is taken
     */
    void insert(T row);

    /** Writes all columns of the row with this id except its key. */
    void update(T row);

    UUID idOf(T row);

    String keyOf(T row);
}
