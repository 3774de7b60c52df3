package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * One way in which something differs from its contract.
 *
 * @param where the place, for instance {@code serving_default input "input_tensor"}
 * @param expected what the contract says there
 * @param found what is there instead
 * @param available names that do exist in that place, when a name was not found
 */
public record Difference(String where, String expected, String found, List<String> available) {

  /** Copies the names, so that a difference never changes. */
  public Difference {
    available = List.copyOf(available);
  }

  /**
   * A difference where no list of names would help.
   *
   * @param where the place
   * @param expected what the contract says there
   * @param found what is there instead
   */
  public Difference(String where, String expected, String found) {
    this(where, expected, found, List.of());
  }

  /**
   * Compares two sets of names: first those that are missing, then those that are too many.
   *
   * @param key the signature key in front of each place; empty for none
   * @param role what the names name: signature, input or output
   */
  static List<Difference> ofNames(
      String key, String role, Collection<String> want, Collection<String> have) {
    String prefix = key.isEmpty() ? role : key + " " + role;
    List<Difference> differences = new ArrayList<>();
    for (String name : want) {
      if (!have.contains(name)) {
        differences.add(
            new Difference(
                "%s \"%s\"".formatted(prefix, name),
                "it to be there",
                "nothing",
                List.copyOf(have)));
      }
    }
    for (String name : have) {
      if (!want.contains(name)) {
        differences.add(
            new Difference(
                "%s \"%s\"".formatted(prefix, name),
                "only " + String.join(", ", want),
                "one more"));
      }
    }
    return differences;
  }

  @Override
  public String toString() {
    String text = "%s: expected %s, found %s".formatted(where, expected, found);
    return available.isEmpty()
        ? text
        : text + " (what exists: %s)".formatted(String.join(", ", available));
  }
}
