package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How an answer compares with the golden one, by the rule of Python's {@code
 * signature_contract.comparison}; one file of cases holds both to it.
 *
 * <p>Numbers agree within their output's tolerance, texts and shapes when they are equal, and what
 * is not finite must be the same in both. A list of the best (a signature with a {@link Ranking})
 * is compared as a set: each golden entry has exactly one partner; order binds only where scores
 * differ by more than their tolerance; what stands at a limit (the threshold, the last place of a
 * full list) may be absent.
 *
 * @param distances the largest absolute difference by output, over what could be compared; infinity
 *     where nothing could
 * @param differences what lies beyond the tolerance; empty when the answer is the golden one
 */
public record Comparison(Map<String, Double> distances, List<Difference> differences) {

  /** Copies the collections. */
  public Comparison {
    distances = Collections.unmodifiableMap(new LinkedHashMap<>(distances));
    differences = List.copyOf(differences);
  }

  /** Tells whether the answer is the golden one within the tolerance. */
  public boolean ok() {
    return differences.isEmpty();
  }

  /**
   * Compares an answer with the golden one.
   *
   * @param golden the golden output by name
   * @param answer the answer's output by name; more outputs than the golden ones are not looked at
   * @param signature both answers' signature, with its tolerances
   * @param parameters the contract's parameters, for a ranking's threshold
   * @param where what was asked, for messages
   */
  public static Comparison of(
      Map<String, TensorValue> golden,
      Map<String, TensorValue> answer,
      SignatureSpec signature,
      Map<String, Object> parameters,
      String where) {
    Findings found = new Findings(where, golden.keySet());
    Map<String, TensorSpec> comparable = new LinkedHashMap<>();
    golden.forEach(
        (name, want) -> {
          if (isComparable(name, want, answer.get(name), found)) {
            comparable.put(name, signature.outputs().get(name));
          }
        });
    signature
        .ranking()
        .filter(ranking -> isListed(ranking, golden, comparable))
        .ifPresent(
            ranking -> {
              RankedLists lists =
                  RankedLists.of(golden, answer, comparable, ranking, parameters, found);
              lists.compare();
              comparable.keySet().removeAll(lists.names());
            });
    comparable.forEach(
        (name, spec) -> compareValues(golden.get(name), answer.get(name), spec, name, found));
    return new Comparison(found.distances(), found.differences());
  }

  private static boolean isListed(
      Ranking ranking, Map<String, TensorValue> golden, Map<String, TensorSpec> comparable) {
    return comparable.containsKey(ranking.scores())
        && (!ranking.isCounted() || comparable.containsKey(ranking.count()))
        && golden.get(ranking.scores()).shape().length >= 2;
  }

  /** Notes what keeps two tensors from being compared. */
  private static boolean isComparable(
      String name, TensorValue want, TensorValue got, Findings found) {
    if (got == null) {
      found.broken(name, "the golden answer", "no such output");
    } else if (!shape(want).equals(shape(got))) {
      found.broken(name, "shape " + shape(want), "shape " + shape(got));
    } else if (want.isText() != got.isText()) {
      found.broken(name, want.isText() ? "text" : "numbers", got.isText() ? "text" : "numbers");
    } else if (!want.isText() && !Distances.sameWhereNotFinite(want, got)) {
      found.broken(name, "finite numbers", "others");
    } else {
      return true;
    }
    return false;
  }

  private static List<Long> shape(TensorValue tensor) {
    return Arrays.stream(tensor.shape()).boxed().toList();
  }

  private static void compareValues(
      TensorValue want, TensorValue got, TensorSpec spec, String name, Findings found) {
    Distances apart = Distances.of(want, got, spec.tolerance());
    if (want.isText()) {
      if (apart.agree()) {
        found.measured(name, 0);
      } else {
        found.broken(name, PythonText.nested(want), PythonText.nested(got));
      }
      return;
    }
    found.measured(name, apart.largest());
    if (!apart.agree()) {
      int worst = apart.worst();
      List<Long> place = want.place(worst);
      found.differ(
          " output \"%s\"%s".formatted(name, place.isEmpty() ? "" : " " + place),
          "the golden answer %s within %s".formatted(want.shown(worst), spec.tolerance()),
          "%s, a difference of %s"
              .formatted(got.shown(worst), NumberText.general(apart.distance(worst))));
    }
  }

  /** What a comparison has found so far. */
  static final class Findings {

    private final String where;
    private final Map<String, Double> distances = new LinkedHashMap<>();
    private final List<Difference> differences = new ArrayList<>();

    Findings(String where, Iterable<String> names) {
      this.where = where;
      names.forEach(name -> distances.put(name, 0.0));
    }

    Map<String, Double> distances() {
      return distances;
    }

    List<Difference> differences() {
      return differences;
    }

    void broken(String name, String expected, String found) {
      distances.put(name, Double.POSITIVE_INFINITY);
      differ(" output \"%s\"".formatted(name), expected, found);
    }

    void differ(String place, String expected, String found) {
      differences.add(new Difference("golden-answer", where + place, expected, found));
    }

    void measured(String name, double distance) {
      distances.merge(name, distance, Math::max);
    }
  }
}
