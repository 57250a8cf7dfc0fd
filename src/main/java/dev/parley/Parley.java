package dev.parley;

import java.time.Clock;
import org.springframework.boot.autoconfigure.SpringBootApplication;
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
}
