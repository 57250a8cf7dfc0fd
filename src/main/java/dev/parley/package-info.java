/** The root: the application and its clock, nothing else. */
@NullMarked
package dev.parley;

import org.jspecify.annotations.NullMarked;
