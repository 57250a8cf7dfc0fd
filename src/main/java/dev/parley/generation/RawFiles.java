package dev.parley.generation;

import dev.parley.archive.ObjectName;
import dev.parley.conversation.ConversationKey;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Which conversations have a stored answer, as the names of the files tell, in both of their forms. */
public final class RawFiles {
    /** The folder of all raw answers. */
    public static final String FOLDER = "raw";

    private static final Pattern NAME = Pattern.compile(
            ".*/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:_raw)?\\.json");

    private RawFiles() {}

    /** The business keys in pages, each with the user whose folder the file is in; names of another form are passed over. */
    public static Iterator<Map<ConversationKey, UUID>> pages(Stream<ObjectName> files, int page) {
        Iterator<Matcher> names = files.map(file -> NAME.matcher("/" + file.path()))
                .filter(Matcher::matches)
                .iterator();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return names.hasNext();
            }

            @Override
            public Map<ConversationKey, UUID> next() {
                Map<ConversationKey, UUID> some = new LinkedHashMap<>();
                while (names.hasNext() && some.size() < page) {
                    Matcher name = names.next();
                    some.put(new ConversationKey(UUID.fromString(name.group(2))), UUID.fromString(name.group(1)));
                }
                return some;
            }
        };
    }
}
