package dev.parley.serve;

import dev.parley.archive.StoreException;
import dev.parley.catalog.InvalidFileException;
import dev.parley.launch.ConfigurationException;
import dev.parley.launch.JobOrders;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.TypeMismatchException;
import org.springframework.dao.DataAccessException;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.ProblemDetail;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.HttpMessageNotReadableException;
import org.springframework.transaction.TransactionException;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.context.request.WebRequest;
import org.springframework.web.method.annotation.HandlerMethodValidationException;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;
import org.springframework.web.servlet.mvc.method.annotation.ResponseEntityExceptionHandler;
import tools.jackson.databind.DatabindException;

/** Says what is wrong as a problem (RFC 9457), with what would be right, and never where in the program it happened. */
@RestControllerAdvice
class ApiErrors extends ResponseEntityExceptionHandler {
    private static final Logger log = LoggerFactory.getLogger(ApiErrors.class);

    @ExceptionHandler({UnknownException.class, ConfigurationException.NotFound.class})
    ProblemDetail unknown(RuntimeException e) {
        return ProblemDetail.forStatusAndDetail(HttpStatus.NOT_FOUND, String.valueOf(e.getMessage()));
    }

    @ExceptionHandler
    ProblemDetail conflict(ConfigurationException.Conflict e) {
        return ProblemDetail.forStatusAndDetail(HttpStatus.CONFLICT, String.valueOf(e.getMessage()));
    }

    @ExceptionHandler
    ProblemDetail busy(BusyException e) {
        return ProblemDetail.forStatusAndDetail(HttpStatus.SERVICE_UNAVAILABLE, String.valueOf(e.getMessage()));
    }

    @ExceptionHandler({ConfigurationException.class, BadRequestException.class})
    ProblemDetail wrong(RuntimeException e) {
        return ProblemDetail.forStatusAndDetail(HttpStatus.BAD_REQUEST, String.valueOf(e.getMessage()));
    }

    /** A job that was put together wrongly; each problem has its field. */
    @ExceptionHandler
    ProblemDetail wrongOrder(InvalidFileException e) {
        List<JobOrders.Problem> problems = JobOrders.problems(e);
        ProblemDetail problem = ProblemDetail.forStatusAndDetail(
                HttpStatus.BAD_REQUEST,
                problems.stream()
                        .map(one -> one.field().isEmpty() ? one.message() : one.field() + ": " + one.message())
                        .collect(Collectors.joining("\n")));
        problem.setProperty("problems", problems);
        return problem;
    }

    @ExceptionHandler({DataAccessException.class, TransactionException.class, StoreException.class})
    ResponseEntity<ProblemDetail> away(RuntimeException e) {
        boolean store = e instanceof StoreException;
        log.warn("A request is not answered, the {} is away: {}", store ? "store" : "database", e.getMessage());
        return ResponseEntity.status(HttpStatus.SERVICE_UNAVAILABLE)
                .header(HttpHeaders.RETRY_AFTER, "5")
                .body(ProblemDetail.forStatusAndDetail(
                        HttpStatus.SERVICE_UNAVAILABLE,
                        "The " + (store ? "object store" : "database") + " does not answer; try again in a moment"));
    }

    @ExceptionHandler
    ProblemDetail fault(Exception e) {
        log.error("A request failed by a fault of the program", e);
        return ProblemDetail.forStatusAndDetail(
                HttpStatus.INTERNAL_SERVER_ERROR, "This is a fault of the program; its log has it");
    }

    @Override
    protected @Nullable ResponseEntity<Object> handleTypeMismatch(
            TypeMismatchException e, HttpHeaders headers, HttpStatusCode status, WebRequest request) {
        String name = e instanceof MethodArgumentTypeMismatchException argument ? argument.getName() : "a parameter";
        String detail = name + " is '" + e.getValue() + "'; should be " + expected(e.getRequiredType());
        return badRequest(e, detail, headers, request);
    }

    @Override
    protected @Nullable ResponseEntity<Object> handleHandlerMethodValidationException(
            HandlerMethodValidationException e, HttpHeaders headers, HttpStatusCode status, WebRequest request) {
        String detail = e.getParameterValidationResults().stream()
                .flatMap(result -> result.getResolvableErrors().stream()
                        .map(error -> result.getMethodParameter().getParameterName() + " is " + result.getArgument()
                                + "; " + error.getDefaultMessage()))
                .collect(Collectors.joining("\n"));
        return badRequest(e, detail, headers, request);
    }

    @Override
    protected @Nullable ResponseEntity<Object> handleHttpMessageNotReadable(
            HttpMessageNotReadableException e, HttpHeaders headers, HttpStatusCode status, WebRequest request) {
        return badRequest(e, unreadable(e), headers, request);
    }

    private @Nullable ResponseEntity<Object> badRequest(
            Exception e, String detail, HttpHeaders headers, WebRequest request) {
        return handleExceptionInternal(
                e,
                ProblemDetail.forStatusAndDetail(HttpStatus.BAD_REQUEST, detail),
                headers,
                HttpStatus.BAD_REQUEST,
                request);
    }

    private static String unreadable(HttpMessageNotReadableException e) {
        if (!(e.getCause() instanceof DatabindException wrong)
                || wrong.getPath().isEmpty()) {
            return "The body is not the JSON object that is wanted here; GET /api/openapi describes it";
        }
        String field = wrong.getPath().stream()
                .map(part -> part.getPropertyName() == null ? "[" + part.getIndex() + "]" : part.getPropertyName())
                .collect(Collectors.joining("."));
        Class<?> type = wrong instanceof tools.jackson.databind.exc.MismatchedInputException mismatch
                ? mismatch.getTargetType()
                : null;
        return field + " cannot be read; should be " + expected(type);
    }

    private static String expected(@Nullable Class<?> type) {
        if (type == null) {
            return "as GET /api/openapi describes it";
        }
        if (type.isEnum()) {
            return Arrays.stream(type.getEnumConstants())
                    .map(constant -> ((Enum<?>) constant).name().toLowerCase(Locale.ROOT))
                    .collect(Collectors.joining(", "));
        }
        if (type == UUID.class) {
            return "a UUID";
        }
        if (type == int.class || type == Integer.class || type == long.class) {
            return "a whole number";
        }
        return Number.class.isAssignableFrom(type) ? "a number" : "a " + type.getSimpleName();
    }
}
