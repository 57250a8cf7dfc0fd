/**
 * The database as such: which one it is, its migration at start-up, also from tables of an older shape, and whether it is as
 * the program needs it.
 *
 * <p>Ways in: {@link dev.parley.database.Dialect}, {@link dev.parley.database.SchemaCheck}. Uses nothing of ours; every package that owns a table may use it.
 */
@NullMarked
package dev.parley.database;

import org.jspecify.annotations.NullMarked;
