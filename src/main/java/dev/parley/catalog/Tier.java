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

    /**
     * The tier that files and tables spell so.
     *
     * @throws IllegalArgumentException when there is none
     */
    public static Tier of(String key) {
        for (Tier tier : values()) {
            if (tier.key.equals(key)) {
                return tier;
            }
        }
        throw new IllegalArgumentException("'" + key + "' is not a tier: template, scenario or edge_case");
    }
}
