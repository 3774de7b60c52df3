package org.example.photos;

import java.nio.file.Path;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;

/**
 * Which model answers, and where it is.
 *
 * @param mode in this process or on a server
 * @param versionPath a published version: the one that is run, or that a server is held to
 * @param target a server's address, for {@code grpc}
 * @param model the model's name on the server, for {@code grpc}
 * @param deadline of each call, for {@code grpc}
 */
@ConfigurationProperties("vision")
public record VisionProperties(
    Mode mode, Path versionPath, String target, String model, Duration deadline) {

  /** Where the model runs. */
  public enum Mode {
    EMBEDDED,
    GRPC
  }
}
