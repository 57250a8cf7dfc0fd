package dev.parley.serve;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.openqa.selenium.By;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;

/**
 * A real Chromium without a window, for who wants to see what a reader sees. Which one: the system properties {@code browser}
 * and {@code browser.driver}, else what is on the PATH.
 */
final class Browser implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int HEIGHT = 900;

    /** Of Selenium's, which has a warning for each browser that is younger than itself. */
    private static final Logger LOG = Logger.getLogger("org.openqa.selenium");

    private final ChromeDriver driver;

    private Browser(ChromeDriver driver) {
        this.driver = driver;
    }

    /** @param profile an empty folder */
    static Browser start(Path profile) {
        LOG.setLevel(Level.SEVERE);
        ChromeOptions options = new ChromeOptions();
        options.setBinary(program("browser", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
                .toFile());
        options.addArguments(
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--user-data-dir=" + profile);
        options.setCapability("goog:loggingPrefs", Map.of(LogType.BROWSER, Level.ALL.getName()));
        ChromeDriverService service = new ChromeDriverService.Builder()
                .usingDriverExecutable(program("browser.driver", "chromedriver").toFile())
                .usingAnyFreePort()
                .build();
        Browser browser = new Browser(new ChromeDriver(service, options));
        browser.wide(1280);
        return browser;
    }

    private static Path program(String property, String... names) {
        String path = System.getProperty(property, "");
        Stream<Path> places = path.isEmpty()
                ? Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                        .flatMap(folder -> Arrays.stream(names).map(name -> Path.of(folder, name)))
                : Stream.of(Path.of(path));
        return places.filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException(
                        path.isEmpty()
                                ? "None of " + String.join(", ", names)
                                        + " is on the PATH; install Chromium and its driver, or"
                                        + " say where it is: -D" + property + "=FILE"
                                : "-D" + property + "=" + path + " is no program"));
    }

    void open(Object address) {
        driver.get("about:blank"); // another # alone would not load the page anew
        driver.get(address.toString());
    }

    /** Width of what is seen, in pixels. */
    void wide(int width) {
        size(width, HEIGHT);
    }

    void size(int width, int height) {
        driver.executeCdpCommand(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
    }

    /** @param name light or dark, as the reader's system has it */
    void scheme(String name) {
        driver.executeCdpCommand(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", name))));
    }

    /** The value of a script that ends with {@code return}. */
    @SuppressWarnings("unchecked")
    <T> T js(String script, Object... arguments) {
        return (T) driver.executeScript(script, arguments);
    }

    /** The same of one that calls its last argument with the value. */
    @SuppressWarnings("unchecked")
    <T> T eventually(String script, Object... arguments) {
        return (T) driver.executeAsyncScript(script, arguments);
    }

    List<WebElement> all(String selector) {
        return driver.findElements(By.cssSelector(selector));
    }

    /** The first one, once it is there. */
    WebElement one(String selector) {
        until(selector, () -> !all(selector).isEmpty());
        return all(selector).get(0);
    }

    /** What can be read in the first one, or nothing. */
    String text(String selector) {
        String text = js("return document.querySelector(arguments[0])?.innerText ?? ''", selector);
        return text.strip();
    }

    Optional<WebElement> button(String words) {
        return all("button").stream()
                .filter(button -> button.isDisplayed() && button.getText().startsWith(words))
                .findFirst();
    }

    WebElement focused() {
        return driver.switchTo().activeElement();
    }

    String address() {
        return String.valueOf(driver.getCurrentUrl());
    }

    void until(String what, BooleanSupplier condition) {
        Instant end = Instant.now().plus(PATIENCE);
        while (!condition.getAsBoolean()) {
            if (Instant.now().isAfter(end)) {
                throw new AssertionError("After " + PATIENCE.toSeconds() + " s still not: " + what + "\n"
                        + text("dialog") + "\n" + text("main"));
            }
            pause(Duration.ofMillis(50));
        }
    }

    static void pause(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What the browser had to complain of since the last time. */
    List<String> complaints() {
        return driver.manage().logs().get(LogType.BROWSER).getAll().stream()
                .filter(entry -> entry.getLevel().intValue() >= Level.WARNING.intValue())
                .map(LogEntry::getMessage)
                .toList();
    }

    /** The whole page from top to bottom, as a PNG. */
    void picture(Path file) {
        long width = this.<Number>js("return window.innerWidth").longValue();
        long height =
                this.<Number>js("return document.documentElement.scrollHeight").longValue();
        Map<String, Object> clip =
                Map.of("x", 0, "y", 0, "width", width, "height", Math.min(height, 4_000), "scale", 1);
        picture(file, Map.of("captureBeyondViewport", true, "clip", clip));
    }

    /** What is in the window, as a PNG. */
    void pictureOfWindow(Path file) {
        picture(file, Map.of());
    }

    private void picture(Path file, Map<String, Object> how) {
        Map<String, Object> shot = driver.executeCdpCommand("Page.captureScreenshot", how);
        try {
            Files.createDirectories(file.getParent());
            Files.write(file, Base64.getDecoder().decode((String) shot.get("data")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        driver.quit();
    }
}
