package dev.parley.launch;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.autoconfigure.AutoConfigurationImportFilter;
import org.springframework.boot.autoconfigure.AutoConfigurationMetadata;
import org.springframework.context.EnvironmentAware;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;
import org.springframework.util.StringUtils;
import org.springframework.web.context.ConfigurableWebEnvironment;

/**
 * Keeps out of a start what it has no use for: what only {@code serve} needs, and traces that nobody receives. To look at each of
 * these configurations, only to find that it does not apply, takes a sixth of the start of a command.
 */
@Order(Ordered.HIGHEST_PRECEDENCE) // the conditions on classes then need not look for them
class UnusedConfigurations implements AutoConfigurationImportFilter, EnvironmentAware {
    private static final Pattern OF_SERVING = Pattern.compile(
            "springdoc|Endpoint|\\.(actuate|health|metrics|security|servlet|tomcat|webmvc|websocket)\\.");

    private static final Pattern OF_TRACING = Pattern.compile("\\.(tracing|opentelemetry)\\.");

    /** Of both: a trace is made of observations. */
    private static final Pattern OF_EITHER = Pattern.compile("Observation|\\.observation\\.");

    /** Its first sample may be taken by the collector's thread while the start holds what that thread waits for: a deadlock. */
    private static final String EXEMPLARS = "PrometheusExemplarsAutoConfiguration";

    private boolean serves;
    private boolean traces;

    @Override
    public void setEnvironment(Environment environment) {
        serves = environment instanceof ConfigurableWebEnvironment;
        traces = StringUtils.hasText(environment.getProperty("management.opentelemetry.tracing.export.otlp.endpoint"));
    }

    @Override
    public boolean[] match(@Nullable String[] configurations, AutoConfigurationMetadata metadata) {
        boolean[] used = new boolean[configurations.length];
        for (int i = 0; i < used.length; i++) {
            String name = configurations[i];
            used[i] = name != null
                    && !name.endsWith(EXEMPLARS)
                    && (serves || !OF_SERVING.matcher(name).find())
                    && (traces || !OF_TRACING.matcher(name).find())
                    && (serves || traces || !OF_EITHER.matcher(name).find());
        }
        return used;
    }
}
