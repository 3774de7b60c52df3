package io.thecodeforge.ml;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;

/**
 * The answer for one image.
 *
 * @param label the most probable class
 * @param probability its probability, in [0, 1]
 * @param probabilities probability by class, in column order; they sum to 1
 * @param logits unnormalised log-probability by class, in column order
 * @param version the version of the model that answered; empty where nobody said
 */
public record Classification(
    String label,
    float probability,
    Map<String, Float> probabilities,
    Map<String, Float> logits,
    OptionalLong version) {

  /**
   * A class and how probable it is.
   *
   * @param label the class
   * @param probability its probability, in [0, 1]
   */
  public record Guess(String label, float probability) {}

  /** Copies the maps, so that an answer never changes. */
  public Classification {
    probabilities = Collections.unmodifiableMap(new LinkedHashMap<>(probabilities));
    logits = Collections.unmodifiableMap(new LinkedHashMap<>(logits));
    Objects.requireNonNull(version, "version: OptionalLong.empty() where nobody said");
  }

  /**
   * Returns the most probable classes, the most probable first; among equals the first column.
   *
   * @param count how many at most, at least 0
   * @throws IllegalArgumentException when {@code count} is below 0
   */
  public List<Guess> top(int count) {
    requireCount(count);
    return probabilities.entrySet().stream()
        .map(entry -> new Guess(entry.getKey(), entry.getValue()))
        .sorted((a, b) -> Float.compare(b.probability(), a.probability()))
        .limit(count)
        .toList();
  }

  /**
   * Returns the classes that are at least this probable, the most probable first.
   *
   * @param probability the least probability, in [0, 1]
   * @throws IllegalArgumentException when it is outside
   */
  public List<Guess> minScore(float probability) {
    requireShare(probability);
    return top(probabilities.size()).stream()
        .filter(guess -> guess.probability() >= probability)
        .toList();
  }

  static void requireCount(int count) {
    if (count < 0) {
      throw new IllegalArgumentException("expected a count of at least 0, received " + count);
    }
  }

  static void requireShare(float share) {
    if (!(share >= 0 && share <= 1)) { // false for NaN
      throw new IllegalArgumentException("expected a score in [0, 1], received " + share);
    }
  }
}
