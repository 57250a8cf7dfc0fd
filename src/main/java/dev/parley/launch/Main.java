package dev.parley.launch;

import dev.parley.Parley;
import org.springframework.boot.SpringApplication;

/** Where the program starts. */
public class Main {
    public static void main(String[] args) {
        SpringApplication.run(Parley.class, args);
    }
}
