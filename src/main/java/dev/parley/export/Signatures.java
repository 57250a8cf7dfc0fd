package dev.parley.export;

import dev.parley.conversation.ConversationDocument.Turn;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.minhash.MinHashFilter;
import org.apache.lucene.analysis.shingle.ShingleFilter;
import org.apache.lucene.analysis.standard.StandardTokenizer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;

/**
 * MinHash signatures of conversations, by Lucene: of all triples of words, case aside, one permutation in {@value #SIZE}
 * buckets. The share of equal places of two signatures estimates the Jaccard similarity of their triples. Thread-safe.
 */
final class Signatures implements AutoCloseable {
    static final int SIZE = 64;
    private static final int WORDS = 3;

    private final Analyzer analyzer = new Analyzer() {
        @Override
        protected TokenStreamComponents createComponents(String field) {
            Tokenizer words = new StandardTokenizer();
            ShingleFilter triples = new ShingleFilter(new LowerCaseFilter(words), WORDS, WORDS);
            triples.setOutputUnigrams(false);
            triples.setOutputUnigramsIfNoShingles(true);
            return new TokenStreamComponents(words, new MinHashFilter(triples, 1, SIZE, 1, true));
        }
    };

    int[] of(List<Turn> turns) {
        int[] signature = new int[SIZE];
        String text = turns.stream().map(Turn::content).collect(Collectors.joining("\n"));
        try (TokenStream hashes = analyzer.tokenStream("", text)) {
            CharTermAttribute hash = hashes.addAttribute(CharTermAttribute.class);
            hashes.reset();
            for (int i = 0; i < SIZE && hashes.incrementToken(); i++) {
                signature[i] = hash.charAt(4) << 16 | hash.charAt(5); // of 128 bits; the first ones tell the bucket
            }
            hashes.end();
        } catch (IOException e) {
            throw new UncheckedIOException(e); // from a string
        }
        return signature;
    }

    static double similarity(int[] one, int[] other) {
        int equal = 0;
        for (int i = 0; i < SIZE; i++) {
            equal += one[i] == other[i] ? 1 : 0;
        }
        return equal / (double) SIZE;
    }

    @Override
    public void close() {
        analyzer.close();
    }
}
