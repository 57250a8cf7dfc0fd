package dev.parley.step;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.springframework.batch.core.listener.ChunkListener;
import org.springframework.batch.core.listener.CompositeChunkListener;
import org.springframework.batch.core.listener.CompositeItemProcessListener;
import org.springframework.batch.core.listener.CompositeItemReadListener;
import org.springframework.batch.core.listener.CompositeItemWriteListener;
import org.springframework.batch.core.listener.ItemProcessListener;
import org.springframework.batch.core.listener.ItemReadListener;
import org.springframework.batch.core.listener.ItemWriteListener;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.listener.StepListener;
import org.springframework.batch.core.listener.StepListenerFactoryBean;
import org.springframework.batch.core.listener.StepListenerMetaData;
import org.springframework.batch.infrastructure.item.Chunk;
import org.springframework.batch.infrastructure.item.ItemStream;
import org.springframework.batch.infrastructure.item.support.CompositeItemStream;
import org.springframework.batch.infrastructure.support.MethodInvokerUtils;

/** Everyone who wants to be told, sorted by what about. Read-only once the step is built. */
final class StepListeners<I, O> {
    private final Set<Object> known = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<StepExecutionListener> step = new ArrayList<>();
    private final CompositeItemReadListener<I> read = new CompositeItemReadListener<>();
    private final CompositeItemProcessListener<I, O> process = new CompositeItemProcessListener<>();
    private final CompositeItemWriteListener<O> write = new CompositeItemWriteListener<>();
    private final CompositeChunkListener<I, O> chunk = new CompositeChunkListener<>();
    private final CompositeItemStream streams = new CompositeItemStream();

    static boolean understand(Object candidate) {
        return candidate instanceof ItemStream || StepListenerFactoryBean.isListener(candidate);
    }

    /** Takes what it understands and leaves the rest; the same object a second time changes nothing. */
    void add(Object candidate) {
        if (!known.add(candidate)) {
            return;
        }
        if (candidate instanceof ItemStream stream) {
            streams.register(stream);
        }
        if (annotated(candidate)) {
            register(StepListenerFactoryBean.getListener(candidate)); // a proxy for its interfaces as well
        } else if (candidate instanceof StepListener listener) {
            register(listener);
        }
    }

    private static boolean annotated(Object candidate) {
        return Arrays.stream(StepListenerMetaData.values())
                .anyMatch(kind ->
                        MethodInvokerUtils.getMethodInvokerByAnnotation(kind.getAnnotation(), candidate) != null);
    }

    @SuppressWarnings("unchecked") // listeners come untyped, as in the stock step
    private void register(StepListener listener) {
        if (listener instanceof StepExecutionListener stepListener) {
            step.add(stepListener);
        }
        if (listener instanceof ItemReadListener<?> readListener) {
            read.register((ItemReadListener<? super I>) readListener);
        }
        if (listener instanceof ItemProcessListener<?, ?> processListener) {
            process.register((ItemProcessListener<? super I, ? super O>) processListener);
        }
        if (listener instanceof ItemWriteListener<?> writeListener) {
            write.register((ItemWriteListener<? super O>) writeListener);
        }
        if (listener instanceof ChunkListener<?, ?> chunkListener) {
            chunk.register((ChunkListener<I, O>) chunkListener);
        }
    }

    List<StepExecutionListener> step() {
        return step;
    }

    ItemReadListener<I> read() {
        return read;
    }

    ItemProcessListener<I, O> process() {
        return process;
    }

    ItemWriteListener<O> write() {
        return write;
    }

    ChunkListener<I, O> chunk() {
        return chunk;
    }

    ItemStream streams() {
        return streams;
    }

    void readFailed(Exception failure) {
        tell(failure, () -> read.onReadError(failure));
    }

    void processFailed(I item, Exception failure) {
        tell(failure, () -> process.onProcessError(item, failure));
    }

    void writeFailed(Exception failure, Chunk<O> results) {
        tell(failure, () -> write.onWriteError(failure, results));
    }

    void chunkFailed(Exception failure, Chunk<O> results) {
        tell(failure, () -> chunk.onChunkError(failure, results));
    }

    /** What a listener throws about a failure must not hide it. */
    private static void tell(Exception failure, Runnable call) {
        try {
            call.run();
        } catch (RuntimeException e) {
            if (e != failure) {
                failure.addSuppressed(e);
            }
        }
    }
}
