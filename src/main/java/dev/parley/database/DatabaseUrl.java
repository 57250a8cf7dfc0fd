package dev.parley.database;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.EnvironmentPostProcessor;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.config.ConfigDataEnvironmentPostProcessor;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.core.Ordered;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.PropertySource;

/**
 * Takes the database from {@code DATABASE_URL}, as platforms hand it out and {@code psql} reads it, where nobody has set
 * {@code spring.datasource.url}: {@code postgres://user:password@host:5432/name?sslmode=require}, or a JDBC URL as it is.
 */
class DatabaseUrl implements EnvironmentPostProcessor, Ordered {
    private static final String VARIABLE = "DATABASE_URL";
    private static final ConfigurationPropertyName URL = ConfigurationPropertyName.of("spring.datasource.url");

    /** Our own defaults, which come after everything a user sets. */
    private static final String PACKAGED = "class path resource [application.yaml]";

    private static final Pattern FORM = Pattern.compile(
            "postgres(?:ql)?://(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<hosts>[^@/?]*)(?:/(?<name>[^?]*))?(?:\\?(?<query>.*))?");

    /** Parameters that libpq and the JDBC driver spell differently; the others are the same, or mean nothing to the driver. */
    private static final Map<String, String> SPELLINGS = Map.of(
            "application_name",
            "ApplicationName",
            "connect_timeout",
            "connectTimeout",
            "channel_binding",
            "channelBinding",
            "schema",
            "currentSchema");

    @Override
    public int getOrder() {
        return ConfigDataEnvironmentPostProcessor.ORDER + 1; // when all files are read
    }

    @Override
    public void postProcessEnvironment(ConfigurableEnvironment environment, SpringApplication application) {
        String url = environment.getProperty(VARIABLE);
        PropertySource<?> packaged = environment.getPropertySources().stream()
                .filter(source -> source.getName().contains(PACKAGED))
                .findFirst()
                .orElse(null);
        if (url == null || url.isBlank() || isSetByUser(environment, packaged)) {
            return;
        }
        MapPropertySource source = new MapPropertySource(VARIABLE, settings(url.strip()));
        if (packaged == null) {
            environment.getPropertySources().addLast(source);
        } else {
            environment.getPropertySources().addBefore(packaged.getName(), source);
        }
    }

    private static boolean isSetByUser(ConfigurableEnvironment environment, @Nullable PropertySource<?> packaged) {
        for (ConfigurationPropertySource source : ConfigurationPropertySources.get(environment)) {
            if (source.getConfigurationProperty(URL) != null) {
                return source.getUnderlyingSource() != packaged;
            }
        }
        return false;
    }

    /** @throws InvalidConfigurationPropertyValueException that does not show the URL, which has a password in it */
    static Map<String, Object> settings(String url) {
        Map<String, Object> settings = new LinkedHashMap<>();
        if (url.startsWith("jdbc:")) {
            settings.put(URL.toString(), url);
            return settings;
        }
        Matcher parts = FORM.matcher(url);
        if (!parts.matches() || parts.group("hosts").isBlank() || isBlank(parts.group("name"))) {
            throw new InvalidConfigurationPropertyValueException(
                    VARIABLE,
                    null,
                    "should look like postgres://user:password@host:5432/database?sslmode=require, and characters such as @ : /"
                            + " in user or password be percent-encoded");
        }
        settings.put(
                URL.toString(),
                "jdbc:postgresql://" + parts.group("hosts") + "/" + parts.group("name") + query(parts.group("query")));
        settings.put("spring.datasource.username", decoded(parts.group("user")));
        settings.put("spring.datasource.password", decoded(parts.group("password")));
        return settings;
    }

    private static String query(@Nullable String query) {
        if (query == null || query.isBlank()) {
            return "";
        }
        List<String> parameters = new ArrayList<>();
        for (String parameter : query.split("&")) {
            String name = parameter.replaceFirst("=.*", "");
            parameters.add(SPELLINGS.getOrDefault(name, name) + parameter.substring(name.length()));
        }
        return "?" + String.join("&", parameters);
    }

    private static String decoded(@Nullable String part) {
        try {
            return part == null ? "" : URLDecoder.decode(part.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new InvalidConfigurationPropertyValueException(
                    VARIABLE,
                    null,
                    "has a % in user or password that is not followed by two hexadecimal digits; write %25");
        }
    }

    private static boolean isBlank(@Nullable String text) {
        return text == null || text.isBlank();
    }
}
