package dev.parley.serve;

import java.util.List;
import java.util.Map;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.server.ServerHttpRequest;
import org.springframework.web.socket.WebSocketExtension;
import org.springframework.web.socket.server.support.DefaultHandshakeHandler;
import org.springframework.web.socket.server.support.OriginHandshakeInterceptor;
import org.springframework.web.socket.server.support.WebSocketHandlerMapping;
import org.springframework.web.socket.server.support.WebSocketHttpRequestHandler;

/** Where the WebSocket is, and who may shake hands. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnWebApplication
class TrackSocketConfiguration {
    /** Before the controllers, which have a POST at the same address; what is no upgrade is left to them. */
    @Bean
    WebSocketHandlerMapping trackSocketMapping(TrackSocket socket, DoorSettings settings) {
        WebSocketHttpRequestHandler handler = new WebSocketHttpRequestHandler(socket, new Uncompressed());
        handler.setHandshakeInterceptors(List.of(
                new OriginHandshakeInterceptor(settings.allowedOrigins()), socket)); // our own is always allowed
        WebSocketHandlerMapping mapping = new WebSocketHandlerMapping();
        mapping.setUrlMap(Map.of(TrackApi.PATH, handler));
        mapping.setWebSocketUpgradeMatch(true);
        mapping.setOrder(-1);
        return mapping;
    }

    /** Frames are small, and an inflater a connection is not. */
    private static final class Uncompressed extends DefaultHandshakeHandler {
        @Override
        protected List<WebSocketExtension> filterRequestedExtensions(
                ServerHttpRequest request, List<WebSocketExtension> requested, List<WebSocketExtension> supported) {
            return List.of();
        }
    }
}
