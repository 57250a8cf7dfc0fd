/**
 * What {@code parley serve} shows and takes over HTTP: the page, its JSON under {@code /api}, and the tracker's doors. It looks
 * through the views of {@code launch} and changes things by what the commands call; no other room knows of it.
 */
@NullMarked
package dev.parley.serve;

import org.jspecify.annotations.NullMarked;
