package dev.parley.serve;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.core.authority.SimpleGrantedAuthority;

/** What somebody may do here. */
enum Right {
    /** Look at everything. */
    READ,
    /** Start, stop and change jobs. */
    OPERATE,
    /** Record sessions and messages. */
    TRACK;

    static final List<Right> ALL = List.of(values());

    /** As the scope of a token spells it. */
    String scope() {
        return "parley." + key();
    }

    String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    static List<GrantedAuthority> authorities(Collection<Right> rights) {
        return rights.stream()
                .<GrantedAuthority>map(right -> new SimpleGrantedAuthority(right.scope()))
                .toList();
    }

    /** The rights among authorities, in our order. */
    static List<Right> among(Collection<? extends GrantedAuthority> authorities) {
        return Arrays.stream(values())
                .filter(right ->
                        authorities.stream().anyMatch(one -> right.scope().equals(one.getAuthority())))
                .toList();
    }
}
