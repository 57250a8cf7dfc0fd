package dev.parley.provider;

/**
 * The calling thread was interrupted, so the call was given up. Being stopped is not a failure: the item goes back
 * unharmed and its attempt is not counted. The thread's interrupt flag is set when this is thrown.
 *
 * <p>The provider may have produced, and billed, an answer nobody will see.
 */
public class CallInterruptedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CallInterruptedException(Throwable cause) {
        super("the call was given up because its thread was interrupted", cause);
    }

    CallInterruptedException() {
        super("the call was not made because its thread was interrupted");
    }
}
