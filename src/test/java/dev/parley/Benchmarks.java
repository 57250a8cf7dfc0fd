package dev.parley;

import dev.parley.batch.GenerateBenchmark;
import dev.parley.batch.PastBenchmark;
import dev.parley.export.ExportBenchmark;
import dev.parley.serve.DoorBenchmark;
import dev.parley.serve.ServeBenchmark;
import dev.parley.step.StepBenchmark;
import dev.parley.tracking.TrackerBenchmark;
import dev.parley.work.ClaimBenchmark;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/** {@code mvn -q -Pbench verify}: all benchmarks, one after the other, each with a table and a file in target/bench. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class Benchmarks {
    @Test
    @Order(1)
    void theStepBesideSpringBatchsOwn() throws Exception {
        StepBenchmark.main(new String[0]);
    }

    @Test
    @Order(2)
    void aRunFromClaimToCounters() throws Exception {
        GenerateBenchmark.main(new String[0]);
    }

    @Test
    @Order(3)
    void theClaimAtAMillionItems() throws Exception {
        ClaimBenchmark.main(new String[0]);
    }

    @Test
    @Order(4)
    void adoptionAndRelinkOfAMillionItems() throws Exception {
        PastBenchmark.main(new String[0]);
    }

    @Test
    @Order(5)
    void theTrackerBesideWhatPeopleUseForIt() throws Exception {
        TrackerBenchmark.main(new String[0]);
    }

    @Test
    @Order(6)
    void anExportInEachFormat() throws Exception {
        ExportBenchmark.main(new String[0]);
    }

    @Test
    @Order(7)
    void theDoorUnderAThousandConnections() throws Exception {
        DoorBenchmark.main(new String[0]);
    }

    @Test
    @Order(8)
    void thePageAtAMillionItems() throws Exception {
        ServeBenchmark.main(new String[0]);
    }
}
