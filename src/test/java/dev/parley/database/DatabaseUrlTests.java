package dev.parley.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;

class DatabaseUrlTests {
    private static final String PACKAGED = "Config resource 'class path resource [application.yaml]' via location 'x'";

    private final StandardEnvironment environment = new StandardEnvironment();

    static Stream<Arguments> urls() {
        return Stream.of(
                arguments("postgres://joe:pw@db.example/parley", "jdbc:postgresql://db.example/parley", "joe", "pw"),
                arguments(
                        "postgresql://joe:p%40s%2Fs+w@10.0.0.1:6543/parley?sslmode=require",
                        "jdbc:postgresql://10.0.0.1:6543/parley?sslmode=require", "joe", "p@s/s+w"),
                arguments("postgres://joe@h/p", "jdbc:postgresql://h/p", "joe", ""),
                arguments("postgres://h:5432/p", "jdbc:postgresql://h:5432/p", "", ""),
                arguments("postgres://u:p@[::1]:5432/p", "jdbc:postgresql://[::1]:5432/p", "u", "p"),
                arguments("postgres://u:p@a:1,b:2/p", "jdbc:postgresql://a:1,b:2/p", "u", "p"),
                arguments(
                        "postgres://u:p@h/p?application_name=x&connect_timeout=3&channel_binding=require",
                        "jdbc:postgresql://h/p?ApplicationName=x&connectTimeout=3&channelBinding=require",
                        "u",
                        "p"));
    }

    @ParameterizedTest
    @MethodSource("urls")
    void aUrlAsPlatformsHandItOutBecomesAddressUserAndPassword(String url, String jdbc, String user, String password) {
        assertThat(DatabaseUrl.settings(url))
                .isEqualTo(Map.of(
                        "spring.datasource.url", jdbc,
                        "spring.datasource.username", user,
                        "spring.datasource.password", password));
    }

    @Test
    void aJdbcUrlIsTakenAsItIs() {
        assertThat(DatabaseUrl.settings("jdbc:postgresql://h/p?user=u"))
                .isEqualTo(Map.of("spring.datasource.url", "jdbc:postgresql://h/p?user=u"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "mysql://joe:geheim@h/p",
                "postgres://joe:geheim@h",
                "postgres:///p",
                "joe:geheim@h/p",
                "postgres://joe:ge@heim@h/p",
                "postgres://joe:geheim%zz@h/p"
            })
    void whatCannotBeReadIsRefusedWithoutShowingThePassword(String url) {
        assertThatThrownBy(() -> DatabaseUrl.settings(url))
                .hasMessageContaining("DATABASE_URL")
                .hasMessageNotContaining("heim");
    }

    @Test
    void itComesBeforeThePackagedDefaultOnly() {
        set(PACKAGED, Map.of("spring.datasource.url", "jdbc:h2:mem:x"));
        set("variables", Map.of("DATABASE_URL", "postgres://joe:pw@h/p"));

        process();

        assertThat(environment.getProperty("spring.datasource.url")).isEqualTo("jdbc:postgresql://h/p");
        assertThat(environment.getProperty("spring.datasource.username")).isEqualTo("joe");
    }

    @Test
    void whatTheUserSetsElsewhereWinsWithUserAndPassword() {
        set(PACKAGED, Map.of("spring.datasource.url", "jdbc:h2:mem:x"));
        set("variables", Map.of("DATABASE_URL", "postgres://joe:pw@h/p"));
        environment
                .getPropertySources()
                .addFirst(new SystemEnvironmentPropertySource(
                        "systemEnvironment-of-test", Map.of("SPRING_DATASOURCE_URL", "jdbc:postgresql://other/p")));

        process();

        assertThat(environment.getProperty("SPRING_DATASOURCE_URL")).isEqualTo("jdbc:postgresql://other/p");
        assertThat(environment.containsProperty("spring.datasource.username")).isFalse();
    }

    private void set(String source, Map<String, Object> properties) {
        environment.getPropertySources().addFirst(new MapPropertySource(source, properties));
    }

    private void process() {
        // the packaged file is always last
        var packaged = environment.getPropertySources().remove(PACKAGED);
        environment.getPropertySources().addLast(packaged);
        ConfigurationPropertySources.attach(environment);
        new DatabaseUrl().postProcessEnvironment(environment, new SpringApplication());
    }
}
