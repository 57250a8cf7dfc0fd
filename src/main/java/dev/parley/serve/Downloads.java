package dev.parley.serve;

import org.springframework.http.ContentDisposition;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;

/** Files, as they leave: what came from a model is never shown by a browser, only saved. */
final class Downloads {
    /** The report brings its own script and style and needs nothing else; in a sandbox it is of no origin. */
    private static final String REPORT_POLICY =
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
                    + " img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox allow-scripts";

    private Downloads() {}

    static ResponseEntity<byte[]> attachment(String name, byte[] content) {
        return ResponseEntity.ok()
                .contentType(MediaType.APPLICATION_OCTET_STREAM)
                .header(
                        HttpHeaders.CONTENT_DISPOSITION,
                        ContentDisposition.attachment().filename(name).build().toString())
                .body(content);
    }

    static ResponseEntity<byte[]> report(byte[] html) {
        return ResponseEntity.ok()
                .contentType(MediaType.parseMediaType("text/html;charset=UTF-8"))
                .header("Content-Security-Policy", REPORT_POLICY)
                .body(html);
    }
}
