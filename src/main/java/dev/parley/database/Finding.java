package dev.parley.database;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * Something that is not as it should be.
 *
 * @param check stable key of what was looked at
 * @param what is wrong, with how much of it
 * @param remedy what a person does about it
 */
public record Finding(
        @JsonProperty("check") String check,
        @JsonProperty("what") String what,
        @JsonProperty("remedy") String remedy) {}
