package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.ModelLoadException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The versions of a model: directories with a number for a name, as TensorFlow Serving has them.
 */
final class VersionDirectories {

  /** How a version's files are, roughly: enough to see that somebody changed them. */
  record State(long bytes, long newest) {}

  private VersionDirectories() {}

  /**
   * Returns directory by version, the newest first.
   *
   * @throws ModelLoadException when the model's directory cannot be read
   */
  static Map<Long, Path> newestFirst(Path model) {
    Map<Long, Path> versions = new TreeMap<>(Collections.reverseOrder());
    try (Stream<Path> entries = Files.list(model)) {
      entries
          .filter(entry -> entry.getFileName().toString().matches("\\d{1,18}"))
          .filter(Files::isDirectory)
          .forEach(entry -> versions.put(Long.parseLong(entry.getFileName().toString()), entry));
    } catch (IOException | UncheckedIOException e) {
      throw new ModelLoadException("%s cannot be read: %s".formatted(model, e), e);
    }
    return versions;
  }

  /** Describes a version's files; what vanishes meanwhile does not count. */
  static State state(Path version) {
    try (Stream<Path> files = Files.walk(version)) {
      return files
          .filter(Files::isRegularFile)
          .map(VersionDirectories::ofFile)
          .reduce(
              new State(0, 0),
              (a, b) -> new State(a.bytes() + b.bytes(), Math.max(a.newest(), b.newest())));
    } catch (IOException | UncheckedIOException e) {
      return new State(0, 0);
    }
  }

  private static State ofFile(Path file) {
    try {
      return new State(Files.size(file), Files.getLastModifiedTime(file).toMillis());
    } catch (IOException e) {
      return new State(0, 0);
    }
  }
}
