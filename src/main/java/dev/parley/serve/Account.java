package dev.parley.serve;

import io.swagger.v3.oas.annotations.Operation;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.security.authentication.AnonymousAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.annotation.CurrentSecurityContext;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Who is there, for the page. */
@RestController
@ConditionalOnWebApplication
class Account {
    /**
     * @param name null for nobody in particular
     * @param rights read, operate, track
     * @param loginRequired whether there are credentials at all
     */
    record Me(@Nullable String name, List<String> rights, boolean loginRequired) {}

    private final Access access;

    Account(Access access) {
        this.access = access;
    }

    /** Who is signed in, and what he may do. */
    @GetMapping("/api/me")
    @Operation(summary = "Who is signed in, and what he may do")
    Me me(@CurrentSecurityContext(expression = "authentication") Authentication who) {
        return new Me(
                who instanceof AnonymousAuthenticationToken ? null : who.getName(),
                Right.among(who.getAuthorities()).stream().map(Right::key).toList(),
                access.loginRequired());
    }
}
