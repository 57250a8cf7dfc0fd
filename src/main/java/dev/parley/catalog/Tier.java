package dev.parley.catalog;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What kind of training material an item is for; {@link #key()} is how files and tables spell it. */
public enum Tier {
    @JsonProperty("template")
    TEMPLATE("template"),
    @JsonProperty("scenario")
    SCENARIO("scenario"),
    @JsonProperty("edge_case")
    EDGE_CASE("edge_case");

    private final String key;

    Tier(String key) {
        this.key = key;
    }

    public String key() {
        return key;
    }
}
