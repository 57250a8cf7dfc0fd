package dev.parley.catalog;

import dev.parley.catalog.CatalogFile.Entry;
import dev.parley.catalog.CatalogFile.TemplateEntry;
import dev.parley.catalog.CatalogFiles.Counts;
import dev.parley.catalog.InvalidFileException.Problem;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the files say about one table, next to what is in it. Lives as long as one load. */
final class CatalogRows<T, E extends Entry<T>> {
    private static final Logger LOG = LoggerFactory.getLogger(CatalogFiles.class);

    private record Place<E>(Parsed<CatalogFile> file, String path, E entry) {
        Problem problem(String key, String message) {
            return file.problem(path + "." + key, message);
        }

        /** Where it stands, as a problem elsewhere refers to it. */
        String where() {
            return problem("key", "").where();
        }
    }

    private final String what;
    private final CatalogTable<T> table;
    private final Map<String, T> stored = new HashMap<>();
    private final Map<UUID, String> storedIds = new HashMap<>();
    private final Map<String, Place<E>> wanted = new LinkedHashMap<>();

    CatalogRows(
            String list,
            String what,
            CatalogTable<T> table,
            Function<CatalogFile, List<E>> entries,
            List<Parsed<CatalogFile>> files,
            Collection<Problem> problems) {
        this.what = what;
        this.table = table;
        for (T row : table.all()) {
            stored.put(table.keyOf(row), row);
            storedIds.put(table.idOf(row), table.keyOf(row));
        }
        Map<UUID, Place<E>> ids = new HashMap<>();
        for (Parsed<CatalogFile> file : files) {
            List<E> inFile = entries.apply(file.value());
            for (int i = 0; i < inFile.size(); i++) {
                Place<E> place = new Place<>(file, list + "[" + i + "]", inFile.get(i));
                checkKey(place, wanted.putIfAbsent(place.entry().key(), place), problems);
                UUID id = place.entry().id();
                if (id != null) {
                    checkId(place, id, ids.putIfAbsent(id, place), problems);
                }
            }
        }
    }

    private void checkKey(Place<E> place, @Nullable Place<E> first, Collection<Problem> problems) {
        if (first != null) {
            String key = place.entry() instanceof TemplateEntry ? "name" : "key";
            String message = "'%s' is the %s at %s already; give this one another"
                    .formatted(place.entry().key(), what, first.where());
            problems.add(place.problem(key, message));
        }
    }

    private void checkId(Place<E> place, UUID id, @Nullable Place<E> first, Collection<Problem> problems) {
        String owner = storedIds.get(id);
        if (first != null) {
            String message = "%s is the %s '%s' at %s already; give this one another"
                    .formatted(id, what, first.entry().key(), first.where());
            problems.add(place.problem("id", message));
        } else if (owner != null && !owner.equals(place.entry().key())) {
            String message = "%s is the %s '%s' in the table already; keep that key, or give this one another id"
                    .formatted(id, what, owner);
            problems.add(place.problem("id", message));
        }
    }

    void checkReference(
            String key,
            Function<E, @Nullable String> reference,
            CatalogRows<?, ?> others,
            Collection<Problem> problems) {
        for (Place<E> place : wanted.values()) {
            String name = reference.apply(place.entry());
            if (name != null && !others.has(name)) {
                problems.add(place.problem(key, others.unknown(name)));
            }
        }
    }

    void checkReferences(
            String key, Function<E, List<String>> references, CatalogRows<?, ?> others, Collection<Problem> problems) {
        for (Place<E> place : wanted.values()) {
            List<String> names = references.apply(place.entry());
            for (int i = 0; i < names.size(); i++) {
                if (!others.has(names.get(i))) {
                    problems.add(place.problem(key + "[" + i + "]", others.unknown(names.get(i))));
                }
            }
        }
    }

    private boolean has(String key) {
        return wanted.containsKey(key) || stored.containsKey(key);
    }

    private String unknown(String key) {
        Set<String> known = new TreeSet<>(wanted.keySet());
        known.addAll(stored.keySet());
        return "there is no " + what + " '" + key + "'; " + Suggestion.among(what + "s", known, key);
    }

    Counts write() {
        int added = 0;
        int changed = 0;
        for (Place<E> place : wanted.values()) {
            E entry = place.entry();
            T before = stored.get(entry.key());
            if (before == null) {
                UUID id = entry.id();
                table.insert(entry.row(id == null ? UUID.randomUUID() : id, null));
                added++;
                continue;
            }
            UUID id = table.idOf(before);
            if (entry.id() != null && !entry.id().equals(id)) {
                String kept = "the %s '%s' keeps %s, which it has in the table".formatted(what, entry.key(), id);
                LOG.warn("{}", place.problem("id", kept));
            }
            T after = entry.row(id, before);
            if (!after.equals(before)) {
                table.update(after);
                changed++;
            }
        }
        return new Counts(added, changed, wanted.size() - added - changed);
    }
}
