package dev.parley.launch;

import java.io.PrintWriter;
import org.springframework.beans.factory.BeanFactory;

/** A command that needs the application; the others answer without starting it. */
interface Action {
    /**
     * Refuses what can be seen to be wrong before the application is started.
     *
     * @throws ConfigurationException for what the user can put right
     */
    default void check() {}

    /** Whether the application listens: only then is a web server started. */
    default boolean serves() {
        return false;
    }

    /**
     * @param beans the started application
     * @return the exit code
     * @throws ConfigurationException for what the user can put right
     */
    int run(BeanFactory beans, PrintWriter out) throws Exception;
}
