/**
 * The database as such: which one it is, and its migration at start-up.
 *
 * <p>Way in: {@link dev.parley.database.Dialect}. Uses nothing of ours; every package that owns a table may use it.
 */
@NullMarked
package dev.parley.database;

import org.jspecify.annotations.NullMarked;
