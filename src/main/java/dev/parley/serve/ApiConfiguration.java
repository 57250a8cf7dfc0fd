package dev.parley.serve;

import dev.parley.work.ItemStatus;
import dev.parley.work.JobStatus;
import io.swagger.v3.oas.models.OpenAPI;
import io.swagger.v3.oas.models.info.Info;
import io.swagger.v3.oas.models.info.License;
import io.swagger.v3.oas.models.media.Content;
import io.swagger.v3.oas.models.media.MediaType;
import io.swagger.v3.oas.models.responses.ApiResponse;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springdoc.core.customizers.OpenApiCustomizer;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.jackson.autoconfigure.JsonMapperBuilderCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.format.FormatterRegistry;
import org.springframework.http.HttpHeaders;
import org.springframework.web.filter.ShallowEtagHeaderFilter;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.databind.MapperFeature;

/** How what is under {@code /api} is written and read. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnWebApplication
class ApiConfiguration implements WebMvcConfigurer {
    /** The shapes of {@code --json}: fields in the order of their record, numbers as people write them. */
    @Bean
    JsonMapperBuilderCustomizer asTheCommandsWriteIt() {
        return mapper -> mapper.enable(StreamWriteFeature.WRITE_BIGDECIMAL_AS_PLAIN)
                .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
                .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY);
    }

    @Override
    public void addFormatters(FormatterRegistry registry) {
        registry.addConverter(String.class, JobStatus.class, JobStatus::of);
        registry.addConverter(String.class, ItemStatus.class, ItemStatus::of);
    }

    /**
     * Answers are a few kilobytes, so their tag is a hash of what is written. Neither streams nor the tracker's door pass here.
     */
    @Bean
    FilterRegistrationBean<ShallowEtagHeaderFilter> etags() {
        FilterRegistrationBean<ShallowEtagHeaderFilter> filter = new FilterRegistrationBean<>(new Etags());
        filter.addUrlPatterns(
                "/api/jobs/*",
                "/api/items/*",
                "/api/conversations/*",
                "/api/catalog",
                "/api/schedules",
                "/api/tracker/*",
                "/api/openapi");
        return filter;
    }

    /** To be kept, and to be asked for each time: most often the answer is that nothing has changed. */
    private static final class Etags extends ShallowEtagHeaderFilter {
        @Override
        protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
                throws ServletException, IOException {
            response.setHeader(HttpHeaders.CACHE_CONTROL, "private, no-cache");
            super.doFilterInternal(request, response, chain);
        }
    }

    /** Each operation may end so. */
    @Bean
    OpenApiCustomizer withProblems() {
        return api -> api.getPaths().values().stream()
                .flatMap(path -> path.readOperations().stream())
                .forEach(operation -> operation
                        .getResponses()
                        .addApiResponse(
                                "default",
                                new ApiResponse()
                                        .description(
                                                "A problem: 400 wrong, 401 or 403 not allowed, 404 not there, 409 not"
                                                        + " possible now, 503 the database is away; `detail` says what would be"
                                                        + " right")
                                        .content(new Content()
                                                .addMediaType("application/problem+json", new MediaType()))));
    }

    @Bean
    OpenAPI openApi() {
        return new OpenAPI()
                .info(new Info()
                        .title("Parley")
                        .version("1")
                        .description(
                                "Everything that the page shows. Times are UTC, money is US dollars, absence is null."
                                        + " Lists page by key. Errors are problems by RFC 9457.")
                        .license(new License().name("See LICENSE")));
    }
}
