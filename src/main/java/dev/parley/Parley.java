package dev.parley;

import java.time.Clock;
import org.springframework.boot.LazyInitializationExcludeFilter;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.context.annotation.Bean;

/** The program. Its command line is {@code launch}. */
@SpringBootApplication
@ConfigurationPropertiesScan
public class Parley {
    /** The only source of time, so that tests can own it. */
    @Bean
    Clock clock() {
        return Clock.systemUTC();
    }

    /** A wrong setting stops the start, whether or not this start comes to use it. */
    @Bean
    static LazyInitializationExcludeFilter settingsAreNotLazy() {
        return (name, definition, type) -> type.isAnnotationPresent(ConfigurationProperties.class)
                && type.getPackageName().startsWith("dev.parley");
    }
}
