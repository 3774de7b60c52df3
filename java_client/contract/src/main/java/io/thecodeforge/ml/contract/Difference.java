package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * One way in which something differs from its contract.
 *
 * @param rule identifier of the rule that is broken: {@code input-dtype}, {@code golden-answer};
 *     the same in Python, whose {@code signature_contract/rules.py} says what each means
 * @param where the place, for instance {@code serving_default input "input_tensor"}
 * @param expected what the contract says there
 * @param found what is there instead
 * @param available names that do exist in that place, when a name was not found
 */
public record Difference(
    String rule, String where, String expected, String found, List<String> available) {

  /** Copies the names, so that a difference never changes. */
  public Difference {
    available = List.copyOf(available);
  }

  /**
   * A difference where no list of names would help.
   *
   * @param rule identifier of the rule
   * @param where the place
   * @param expected what the contract says there
   * @param found what is there instead
   */
  public Difference(String rule, String where, String expected, String found) {
    this(rule, where, expected, found, List.of());
  }

  /**
   * Compares two sets of names: first those that are missing, then those that are too many.
   *
   * @param key the signature key in front of each place; empty for none
   * @param role what the names name: signature, input or output
   * @param optional names of {@code want} that may be missing
   */
  static List<Difference> ofNames(
      String key,
      String role,
      Collection<String> want,
      Collection<String> have,
      Collection<String> optional) {
    String prefix = key.isEmpty() ? role : key + " " + role;
    List<Difference> differences = new ArrayList<>();
    for (String name : want) {
      if (!have.contains(name) && !optional.contains(name)) {
        differences.add(
            new Difference(
                role + "-missing",
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
                role + "-unknown",
                "%s \"%s\"".formatted(prefix, name),
                "only " + String.join(", ", want),
                "one more"));
      }
    }
    return differences;
  }

  /**
   * Returns the same difference somewhere else, or under another rule.
   *
   * @param rule identifier of the rule
   * @param where the place
   */
  public Difference at(String rule, String where) {
    return new Difference(rule, where, expected, found, available);
  }

  @Override
  public String toString() {
    String text = "%s: expected %s, found %s".formatted(where, expected, found);
    if (!available.isEmpty()) {
      text += " (what exists: %s)".formatted(String.join(", ", available));
    }
    return "%s [%s]".formatted(text, rule);
  }
}
