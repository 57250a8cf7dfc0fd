package dev.parley.launch;

import java.io.PrintWriter;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.List;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.boot.web.server.WebServer;
import org.springframework.boot.web.server.autoconfigure.ServerProperties;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "serve",
        description = {
            "Shows the page, takes what live conversations are told to the tracker, starts scheduled job files when",
            "their time comes, and works off open jobs, until it is stopped.",
            "Several processes may serve the same files over one database: each tick is had once."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
class ServeCommand implements Action {
    @Parameters(
            arity = "0..*",
            paramLabel = "JOBFILE",
            description = "Job files with a schedule; without any, those of the folder jobs that have one.")
    private List<Path> files = List.of();

    @Option(names = "--no-run", description = "Only enqueues; a run elsewhere works off what is open.")
    private boolean noRun;

    @Option(
            names = "--yes",
            description = "Begins what may cost more than parley.confirm-above-usd; otherwise such a job is paused.")
    private boolean yes;

    @Override
    public void check() {
        JobFiles.refuseMissing(files);
    }

    @Override
    public boolean serves() {
        return true;
    }

    @Override
    public int run(BeanFactory beans, PrintWriter out) {
        if (beans instanceof WebServerApplicationContext web) {
            WebServer server = web.getWebServer();
            if (server != null) {
                out.println("Parley is at " + address(web.getBean(ServerProperties.class), server.getPort()));
            }
        }
        return beans.getBean(Serving.class)
                .serve(files, noRun ? Serving.Work.LEFT_TO_OTHERS : Serving.Work.DONE_HERE, yes, out);
    }

    private static String address(ServerProperties server, int port) {
        InetAddress address = server.getAddress();
        String host = address == null || address.isAnyLocalAddress() ? "localhost" : address.getHostAddress();
        return (server.getSsl() == null ? "http" : "https") + "://" + (host.contains(":") ? "[" + host + "]" : host)
                + ":" + port + "/";
    }
}
