package dev.parley;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noFields;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.Arrays;
import java.util.Set;
import org.jspecify.annotations.NullMarked;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** The rules that a machine keeps: data flows one way, and each thing is done in one place. */
@AnalyzeClasses(packages = "dev.parley", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTests {
    @ArchTest
    static final ArchRule databaseUsesNothingOfOurs = uses("database");

    @ArchTest
    static final ArchRule stepUsesNothingOfOurs = uses("step");

    @ArchTest
    static final ArchRule providerUsesNothingOfOurs = uses("provider");

    @ArchTest
    static final ArchRule archiveUsesNothingOfOurs = uses("archive");

    @ArchTest
    static final ArchRule catalogUsesTheDatabase = uses("catalog", "database");

    @ArchTest
    static final ArchRule conversationUsesTheDatabase = uses("conversation", "database");

    @ArchTest
    static final ArchRule workUsesKeysAndTiers = uses("work", "conversation", "catalog", "database");

    @ArchTest
    static final ArchRule trackingUsesTheDatabase = uses("tracking", "database");

    @ArchTest
    static final ArchRule generationUsesItsIngredients =
            uses("generation", "provider", "catalog", "archive", "conversation", "database");

    @ArchTest
    static final ArchRule batchUsesEverythingBelow = uses(
            "batch",
            "step",
            "work",
            "generation",
            "conversation",
            "archive",
            "catalog",
            "provider",
            "tracking",
            "database");

    @ArchTest
    static final ArchRule exportReadsConversations = uses("export", "conversation", "archive", "catalog", "database");

    @ArchTest
    static final ArchRule onlyTheExportKnowsItsFormats = noClasses()
            .that()
            .resideOutsideOfPackage("dev.parley.export..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "org.apache.parquet..", "org.apache.lucene..", "org.h2.mvstore..", "com.github.luben..");

    @ArchTest
    static final ArchRule nothingUsesServe = noClasses()
            .that()
            .resideOutsideOfPackage("dev.parley.serve..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("dev.parley.serve..");

    @ArchTest
    static final ArchRule onlyServeUsesLaunch = noClasses()
            .that()
            .resideOutsideOfPackages("dev.parley.launch..", "dev.parley.serve..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("dev.parley.launch..");

    @ArchTest
    static final ArchRule springBatchStaysInItsRooms = noClasses()
            .that()
            .resideOutsideOfPackages(
                    "dev.parley.batch..", "dev.parley.step..", "dev.parley.export..", "dev.parley.launch..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.springframework.batch..");

    @ArchTest
    static final ArchRule onlyRepositoriesSpeakSql = noClasses()
            .that()
            .areNotAnnotatedWith(Repository.class)
            .and()
            .resideOutsideOfPackage("dev.parley.database..")
            .should()
            .dependOnClassesThat()
            .belongToAnyOf(JdbcClient.class, NamedParameterJdbcTemplate.class, JdbcTemplate.class);

    @ArchTest
    static final ArchRule onlyTheArchiveKnowsGoogle = noClasses()
            .that()
            .resideOutsideOfPackage("dev.parley.archive..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("com.google.cloud..", "com.google.api..", "com.google.auth..");

    @ArchTest
    static final ArchRule onlyProvidersCallOut = noClasses()
            .that()
            .resideOutsideOfPackage("dev.parley.provider..")
            .and()
            .haveNameNotMatching("dev\\.parley\\.launch\\.TrackDemo.*") // a client of our own server
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.hc..", "org.springframework.web.client..", "java.net.http..");

    @ArchTest
    static final ArchRule timeComesFromTheClock = noClasses()
            .should()
            .callMethod(Instant.class, "now")
            .orShould()
            .callMethod(OffsetDateTime.class, "now")
            .orShould()
            .callMethod(ZonedDateTime.class, "now")
            .orShould()
            .callMethod(LocalDate.class, "now")
            .orShould()
            .callMethod(LocalDateTime.class, "now")
            .orShould()
            .callMethod(System.class, "currentTimeMillis");

    @ArchTest
    static final ArchRule onlyTheRootMakesTheClock = noClasses()
            .that()
            .doNotHaveFullyQualifiedName("dev.parley.Parley")
            .should()
            .callMethod(Clock.class, "systemUTC")
            .orShould()
            .callMethod(Clock.class, "systemDefaultZone");

    @ArchTest
    static final ArchRule nothingIsInjectedIntoFields =
            noFields().should().beAnnotatedWith(Autowired.class).orShould().beAnnotatedWith(Value.class);

    @ArchTest
    static final ArchRule everyPackageIsNullMarked = classes()
            .should(new ArchCondition<>("be in a null-marked package") {
                @Override
                public void check(JavaClass type, ConditionEvents events) {
                    boolean marked = type.getPackage().isAnnotatedWith(NullMarked.class);
                    events.add(new SimpleConditionEvent(
                            type, marked, type.getPackageName() + " has no @NullMarked package-info"));
                }
            });

    private static ArchRule uses(String room, String... others) {
        Set<String> allowed = Set.of(others);
        return noClasses()
                .that()
                .resideInAPackage("dev.parley." + room + "..")
                .should()
                .dependOnClassesThat(
                        new DescribedPredicate<JavaClass>(
                                "are ours and neither in " + room + " nor in " + Arrays.toString(others)) {
                            @Override
                            public boolean test(JavaClass target) {
                                String name = target.getPackageName();
                                if (!name.equals("dev.parley") && !name.startsWith("dev.parley.")) {
                                    return false;
                                }
                                String[] parts = name.split("\\.");
                                String targetRoom = parts.length > 2 ? parts[2] : "";
                                return !targetRoom.equals(room) && !allowed.contains(targetRoom);
                            }
                        });
    }
}
