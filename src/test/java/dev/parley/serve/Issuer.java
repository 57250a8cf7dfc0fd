package dev.parley.serve;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Date;
import java.util.UUID;
import java.util.function.Supplier;

/** An OpenID Connect issuer, as far as a resource server sees one: its discovery document and its keys, over HTTP. */
final class Issuer implements AutoCloseable {
    static final String SUBJECT = "3f1d2c7e-0000-4000-8000-000000000001";

    private final HttpServer server;
    private volatile RSAKey key = key();
    private volatile boolean away = true;

    /** It is away until it is {@linkplain #start() started}. */
    Issuer() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        answer(
                "/.well-known/openid-configuration",
                () -> "{\"issuer\":\"" + address() + "\",\"jwks_uri\":\"" + address()
                        + "/keys\",\"subject_types_supported\":[\"public\"]}");
        answer("/keys", () -> new JWKSet(key.toPublicJWK()).toString());
        server.start();
    }

    String address() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    void start() {
        away = false;
    }

    private void answer(String path, Supplier<String> json) {
        server.createContext(path, exchange -> {
            byte[] body = json.get().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(away ? 503 : 200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
    }

    /** From now on it has another key, and the one before no more. */
    void rotate() {
        key = key();
    }

    String token(String scope, int validSeconds) {
        return signed(key, scope, validSeconds);
    }

    /** One that says it is signed with the issuer's key, and is not. */
    String forged(String scope) {
        return signed(new RSAKey.Builder(key()).keyID(key.getKeyID()).build(), scope, 60);
    }

    private String signed(RSAKey signer, String scope, int validSeconds) {
        try {
            SignedJWT token = new SignedJWT(
                    new JWSHeader.Builder(JWSAlgorithm.RS256)
                            .keyID(signer.getKeyID())
                            .build(),
                    new JWTClaimsSet.Builder()
                            .issuer(address())
                            .subject(SUBJECT)
                            .claim("scope", scope)
                            .expirationTime(Date.from(Instant.now().plusSeconds(validSeconds)))
                            .build());
            token.sign(new RSASSASigner(signer));
            return token.serialize();
        } catch (JOSEException e) {
            throw new IllegalStateException(e);
        }
    }

    private static RSAKey key() {
        try {
            return new RSAKeyGenerator(2048).keyID(UUID.randomUUID().toString()).generate();
        } catch (JOSEException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
