package dev.parley.serve;

import dev.parley.serve.IssuedTokens.IssuerAwayException;
import dev.parley.serve.LoginGuard.LockedOutException;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.security.authentication.AuthenticationProvider;
import org.springframework.security.authentication.ProviderManager;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.HeadersConfigurer.FrameOptionsConfig;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationConverter;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationProvider;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.csrf.CookieCsrfTokenRepository;
import org.springframework.security.web.csrf.CsrfToken;
import org.springframework.security.web.csrf.CsrfTokenRequestAttributeHandler;
import org.springframework.security.web.csrf.CsrfTokenRequestHandler;
import org.springframework.security.web.firewall.HttpFirewall;
import org.springframework.security.web.firewall.RequestRejectedHandler;
import org.springframework.security.web.firewall.StrictHttpFirewall;
import org.springframework.security.web.header.writers.CrossOriginOpenerPolicyHeaderWriter.CrossOriginOpenerPolicy;
import org.springframework.security.web.header.writers.CrossOriginResourcePolicyHeaderWriter.CrossOriginResourcePolicy;
import org.springframework.security.web.header.writers.ReferrerPolicyHeaderWriter.ReferrerPolicy;
import org.springframework.security.web.header.writers.StaticHeadersWriter;
import org.springframework.security.web.savedrequest.NullRequestCache;
import org.springframework.web.servlet.config.annotation.ViewControllerRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;

/** Who may look, who may act, and what a browser is told to refuse on our behalf. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnWebApplication
class SecurityConfiguration implements WebMvcConfigurer {
    /** The tracker's doors. */
    static final String TRACK = "/api/track";

    private static final String LOGIN = "/login";

    /** What a browser needs to show the form to sign in with, and probes: nobody's secret. */
    private static final String[] OPEN = {
        LOGIN, "/login.html", "/*.js", "/*.css", "/*.svg", "/favicon.ico", "/api/me", "/livez", "/readyz"
    };

    private static final String CONTENT =
            "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
                    + " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

    private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS");

    /** A browser cannot be kept by a page from sending one of these with what changes something. */
    private static final List<String> OF_BROWSERS =
            List.of(HttpHeaders.COOKIE, HttpHeaders.ORIGIN, "Sec-Fetch-Site", HttpHeaders.REFERER);

    private static final Logger log = LoggerFactory.getLogger(SecurityConfiguration.class);

    private final Access access;
    private final ErrorAnswers errors;

    SecurityConfiguration(Access access, ErrorAnswers errors) {
        this.access = access;
        this.errors = errors;
    }

    @Override
    public void addViewControllers(ViewControllerRegistry views) {
        views.addViewController(LOGIN).setViewName("forward:/login.html");
    }

    @Bean
    SecurityFilterChain chain(HttpSecurity http, LoginGuard logins) {
        return http.authorizeHttpRequests(requests -> requests.dispatcherTypeMatchers(
                                DispatcherType.ERROR, DispatcherType.FORWARD, DispatcherType.ASYNC)
                        .permitAll()
                        .requestMatchers(OPEN)
                        .permitAll()
                        .requestMatchers(TRACK)
                        .hasAuthority(Right.TRACK.scope())
                        .requestMatchers(HttpMethod.GET)
                        .hasAuthority(Right.READ.scope())
                        .requestMatchers(HttpMethod.HEAD)
                        .hasAuthority(Right.READ.scope())
                        .requestMatchers("/api/**")
                        .hasAuthority(Right.OPERATE.scope())
                        .anyRequest()
                        .denyAll())
                .authenticationManager(logins)
                .oauth2ResourceServer(tokens ->
                        tokens.authenticationManagerResolver(request -> logins).authenticationEntryPoint(this::refuse))
                .formLogin(form -> form.loginPage(LOGIN)
                        .successHandler((request, response, who) -> signedIn(request, response))
                        .failureHandler(this::notSignedIn))
                .logout(logout -> logout.logoutSuccessUrl(LOGIN + "?logout"))
                .exceptionHandling(refusals -> refusals.authenticationEntryPoint(this::refuse)
                        .accessDeniedHandler((request, response, e) -> errors.write(
                                response,
                                HttpStatus.FORBIDDEN,
                                "this needs another right, or a proof against forgery")))
                .anonymous(nobody -> {
                    if (!access.loginRequired()) {
                        nobody.authorities(Right.authorities(Right.ALL));
                    }
                })
                .csrf(forgery -> forgery.csrfTokenRepository(cookie())
                        .csrfTokenRequestHandler(eager())
                        .requireCsrfProtectionMatcher(SecurityConfiguration::couldBeForged))
                .requestCache(
                        none -> none.requestCache(new NullRequestCache())) // no address to be sent to after signing in
                .headers(headers -> headers.contentSecurityPolicy(content -> content.policyDirectives(CONTENT))
                        .frameOptions(FrameOptionsConfig::deny)
                        .referrerPolicy(referrer -> referrer.policy(ReferrerPolicy.SAME_ORIGIN))
                        .crossOriginOpenerPolicy(opener -> opener.policy(CrossOriginOpenerPolicy.SAME_ORIGIN))
                        .crossOriginResourcePolicy(resource -> resource.policy(CrossOriginResourcePolicy.SAME_ORIGIN))
                        .permissionsPolicyHeader(
                                features -> features.policy("camera=(), microphone=(), geolocation=(), payment=()"))
                        .cacheControl(
                                cache -> cache.disable()) // its no-store would leave nothing to compare an ETag with
                        .addHeaderWriter(new StaticHeadersWriter(HttpHeaders.CACHE_CONTROL, "private, no-cache")))
                .build();
    }

    /** Of the environment, and of an issuer where one is set. */
    @Bean
    LoginGuard logins(
            ServeSettings settings,
            ObjectProvider<JwtDecoder> issuer,
            ObjectProvider<JwtAuthenticationConverter> authorities) {
        List<AuthenticationProvider> providers = new ArrayList<>(List.of(new Credentials(settings)));
        issuer.ifAvailable(decoder -> {
            JwtAuthenticationProvider tokens = new JwtAuthenticationProvider(decoder);
            authorities.ifAvailable(tokens::setJwtAuthenticationConverter);
            providers.add(new IssuedTokens(tokens));
        });
        return new LoginGuard(new ProviderManager(providers), settings.failedLogins());
    }

    @Bean
    HttpFirewall firewall() {
        StrictHttpFirewall firewall = new StrictHttpFirewall();
        firewall.setAllowedHostnames(access::isOurName);
        return firewall;
    }

    @Bean
    RequestRejectedHandler rejected() {
        return (request, response, e) ->
                errors.write(response, HttpStatus.BAD_REQUEST, "method, host or address is none that is answered");
    }

    private static CookieCsrfTokenRepository cookie() {
        CookieCsrfTokenRepository repository = CookieCsrfTokenRepository.withHttpOnlyFalse(); // the page reads it
        repository.setCookieCustomizer(cookie -> cookie.sameSite("Strict"));
        return repository;
    }

    /** Gives every browser the cookie with its first answer. */
    private static CsrfTokenRequestHandler eager() {
        CsrfTokenRequestAttributeHandler handler = new CsrfTokenRequestAttributeHandler();
        return (request, response, token) -> {
            handler.handle(request, response, token);
            request.setAttribute(CsrfToken.class.getName(), token.get());
        };
    }

    /** Only a browser can be made to send what its user did not mean; tokens in a header, it does not send by itself. */
    private static boolean couldBeForged(HttpServletRequest request) {
        return !SAFE.contains(request.getMethod())
                && OF_BROWSERS.stream().anyMatch(header -> request.getHeader(header) != null);
    }

    private static boolean wantsPage(HttpServletRequest request) {
        return Stream.ofNullable(request.getHeader(HttpHeaders.ACCEPT))
                .anyMatch(accepted -> accepted.contains(MediaType.TEXT_HTML_VALUE));
    }

    private static void signedIn(HttpServletRequest request, HttpServletResponse response) throws IOException {
        if (wantsPage(request)) {
            response.sendRedirect("/");
        } else {
            response.setStatus(HttpStatus.NO_CONTENT.value());
        }
    }

    private void notSignedIn(HttpServletRequest request, HttpServletResponse response, AuthenticationException e)
            throws IOException {
        if (!wantsPage(request)) {
            refuse(request, response, e);
        } else if (e instanceof LockedOutException locked) {
            response.setHeader(HttpHeaders.RETRY_AFTER, locked.retryAfter());
            response.sendRedirect(LOGIN + "?locked");
        } else {
            response.sendRedirect(LOGIN + "?error");
        }
    }

    private void refuse(HttpServletRequest request, HttpServletResponse response, AuthenticationException e)
            throws IOException {
        if (e instanceof LockedOutException locked) {
            response.setHeader(HttpHeaders.RETRY_AFTER, locked.retryAfter());
            errors.write(response, HttpStatus.TOO_MANY_REQUESTS, "too many failed logins from this address");
        } else if (e instanceof IssuerAwayException) {
            log.warn("A token is not looked at: {}: {}", e.getMessage(), NestedExceptionUtils.getMostSpecificCause(e));
            response.setHeader(HttpHeaders.RETRY_AFTER, "5");
            errors.write(
                    response,
                    HttpStatus.SERVICE_UNAVAILABLE,
                    "the issuer of tokens does not answer; try again in a moment");
        } else if (request.getMethod().equals("GET") && wantsPage(request)) {
            response.sendRedirect(LOGIN);
        } else {
            response.setHeader(HttpHeaders.WWW_AUTHENTICATE, "Bearer");
            errors.write(response, HttpStatus.UNAUTHORIZED, "sign in, or show a token that is known here");
        }
    }
}
