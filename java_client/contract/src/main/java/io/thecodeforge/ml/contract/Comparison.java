package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * How an answer compares with the golden one, by the rule of Python's {@code
 * signature_contract.comparison}; one file of cases holds both to it.
 *
 * <p>Numbers agree within their output's tolerance, texts and shapes when they are equal. A list of
 * the best (a signature with a {@link Ranking}) is compared as a set: each golden entry has exactly
 * one partner; order binds only where scores differ by more than their tolerance; what stands at a
 * cut (the threshold, the last place of a full list) may be absent.
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
   * @param threshold value of the parameter that the ranking names; empty for none
   * @param where what was asked, for messages
   */
  public static Comparison of(
      Map<String, Values> golden,
      Map<String, Values> answer,
      SignatureSpec signature,
      OptionalDouble threshold,
      String where) {
    Comparer comparer = new Comparer(golden, answer, signature, where);
    comparer.compare(threshold);
    return new Comparison(comparer.distances, comparer.differences);
  }

  /** One comparison while it is being made. */
  private static final class Comparer {

    private final Map<String, Values> golden;
    private final Map<String, Values> answer;
    private final SignatureSpec signature;
    private final String where;
    private final Map<String, Double> distances = new LinkedHashMap<>();
    private final List<Difference> differences = new ArrayList<>();

    Comparer(
        Map<String, Values> golden,
        Map<String, Values> answer,
        SignatureSpec signature,
        String where) {
      this.golden = golden;
      this.answer = answer;
      this.signature = signature;
      this.where = where;
    }

    void compare(OptionalDouble threshold) {
      List<String> comparable = new ArrayList<>();
      golden.forEach(
          (name, want) -> {
            distances.put(name, 0.0);
            Values got = answer.get(name);
            if (got == null) {
              broken(name, "the golden answer", "no such output");
            } else if (!got.shape().equals(want.shape())) {
              broken(name, "shape " + want.shape(), "shape " + got.shape());
            } else if (got.isText() != want.isText()) {
              broken(name, want.isText() ? "text" : "numbers", got.isText() ? "text" : "numbers");
            } else if (!got.isFinite() || !want.isFinite()) {
              broken(name, "finite numbers", "others");
            } else {
              comparable.add(name);
            }
          });
      Ranking ranking = signature.ranking().orElse(null);
      List<String> listed = new ArrayList<>();
      if (ranking != null
          && comparable.contains(ranking.scores())
          && comparable.contains(ranking.count())) {
        List<Integer> axes = golden.get(ranking.scores()).shape().subList(0, 2);
        for (String name : comparable) {
          List<Integer> shape = golden.get(name).shape();
          if (!name.equals(ranking.count())
              && shape.size() >= 2
              && shape.subList(0, 2).equals(axes)) {
            listed.add(name);
          }
        }
        compareLists(ranking, listed, threshold);
        comparable.remove(ranking.count());
      }
      comparable.removeAll(listed);
      for (String name : comparable) {
        compareValues(name);
      }
    }

    private void compareValues(String name) {
      Values want = golden.get(name);
      Values got = answer.get(name);
      Tolerance tolerance = tolerance(name);
      distances.merge(name, got.distance(want), Math::max);
      int beyond = got.firstBeyond(want, tolerance);
      if (beyond < 0) {
        return;
      }
      if (want.isText()) {
        differ(" output \"%s\"".formatted(name), want.toString(), got.toString());
      } else {
        differ(
            " output \"%s\" (element %d)".formatted(name, beyond),
            "the golden answer %s within %s".formatted(want.numbers()[beyond], tolerance),
            String.valueOf(got.numbers()[beyond]));
      }
    }

    private void compareLists(Ranking ranking, List<String> listed, OptionalDouble threshold) {
      double[] counts = answer.get(ranking.count()).numbers();
      double[] goldenCounts = golden.get(ranking.count()).numbers();
      int capacity = golden.get(ranking.scores()).shape().get(1);
      for (int row = 0; row < counts.length; row++) {
        String place = counts.length > 1 ? ", image " + row : "";
        double count = counts[row];
        if (!(count >= 0 && count <= capacity && count == Math.rint(count))) {
          distances.put(ranking.count(), Double.POSITIVE_INFINITY);
          differ(
              place + " output \"%s\"".formatted(ranking.count()),
              "a whole number from 0 to " + capacity,
              String.valueOf(count));
          continue;
        }
        distances.merge(ranking.count(), Math.abs(count - goldenCounts[row]), Math::max);
        for (String name : listed) {
          Values rest = answer.get(name).at(1, row);
          for (int i = (int) count; i < capacity; i++) {
            Values entry = rest.at(1, i);
            boolean empty =
                entry.isText()
                    ? entry.texts().stream().allMatch(String::isEmpty)
                    : Arrays.stream(entry.numbers()).allMatch(value -> value == 0);
            if (!empty) {
              broken(name, "zeros beyond %s".formatted(ranking.count()), "other values");
              break;
            }
          }
        }
        new EntryLists(
                this, ranking, listed, row, (int) goldenCounts[row], (int) count, capacity, place)
            .compare(threshold);
      }
    }

    Tolerance tolerance(String name) {
      return signature.outputs().get(name).tolerance();
    }

    private void broken(String name, String expected, String found) {
      distances.put(name, Double.POSITIVE_INFINITY);
      differ(" output \"%s\"".formatted(name), expected, found);
    }

    void differ(String place, String expected, String found) {
      differences.add(new Difference(where + place, expected, found));
    }
  }

  /** The entries of one golden list and of one answer to the same request. */
  private record EntryLists(
      Comparer comparer,
      Ranking ranking,
      List<String> listed,
      int row,
      int goldenCount,
      int count,
      int capacity,
      String place) {

    void compare(OptionalDouble threshold) {
      Map<Integer, Integer> goldenOf = mostPairs();
      goldenOf.forEach(
          (j, i) -> {
            for (String name : listed) {
              double distance =
                  entry(comparer.answer, name, j).distance(entry(comparer.golden, name, i));
              comparer.distances.merge(name, distance, Math::max);
            }
          });
      Set<Integer> paired = new HashSet<>(goldenOf.values());
      for (int i = 0; i < goldenCount; i++) {
        if (!paired.contains(i)
            && !atACut(score(comparer.golden, i), comparer.answer, count, threshold)) {
          differ("the golden " + text(comparer.golden, i), "none that agrees");
        }
      }
      for (int j = 0; j < count; j++) {
        if (!goldenOf.containsKey(j)
            && !atACut(score(comparer.answer, j), comparer.golden, goldenCount, threshold)) {
          differ("only the golden entries", "also " + text(comparer.answer, j));
        }
      }
      compareOrder();
    }

    /** Pairs as many entries as possible; a golden one whose partners are taken moves them on. */
    private Map<Integer, Integer> mostPairs() {
      Map<Integer, Integer> goldenOf = new HashMap<>();
      for (int i = 0; i < goldenCount; i++) {
        place(i, new HashSet<>(), goldenOf);
      }
      return goldenOf;
    }

    private boolean place(int i, Set<Integer> tried, Map<Integer, Integer> goldenOf) {
      for (int j = 0; j < count; j++) {
        if (agree(i, j) && tried.add(j)) {
          Integer other = goldenOf.get(j);
          if (other == null || place(other, tried, goldenOf)) {
            goldenOf.put(j, i);
            return true;
          }
        }
      }
      return false;
    }

    private boolean agree(int i, int j) {
      return listed.stream()
          .allMatch(
              name ->
                  entry(comparer.answer, name, j)
                          .firstBeyond(entry(comparer.golden, name, i), comparer.tolerance(name))
                      < 0);
    }

    private boolean atACut(
        double score, Map<String, Values> others, int otherCount, OptionalDouble threshold) {
      Tolerance tolerance = comparer.tolerance(ranking.scores());
      if (threshold.isPresent()
          && Math.abs(score - threshold.getAsDouble())
              <= tolerance.limit(threshold.getAsDouble())) {
        return true;
      }
      if (otherCount < capacity) {
        return false;
      }
      double last = score(others, otherCount - 1); // it had no room for what is worse
      return score <= last + tolerance.limit(last);
    }

    /** Holds the answer to descending scores; its partners' then descend as far as they bind. */
    private void compareOrder() {
      Tolerance tolerance = comparer.tolerance(ranking.scores());
      double lowest = Double.POSITIVE_INFINITY;
      for (int j = 0; j < count; j++) {
        double score = score(comparer.answer, j);
        if (score > lowest + tolerance.limit(lowest)) {
          differ("descending scores", "%s behind %s".formatted(score, lowest));
          return;
        }
        lowest = Math.min(lowest, score);
      }
    }

    private double score(Map<String, Values> side, int index) {
      return entry(side, ranking.scores(), index).numbers()[0];
    }

    private Values entry(Map<String, Values> side, String name, int index) {
      return side.get(name).at(1, row).at(1, index);
    }

    private String text(Map<String, Values> side, int index) {
      List<String> parts = new ArrayList<>();
      for (String name : listed) {
        parts.add(name + " " + entry(side, name, index));
      }
      return String.join(", ", parts);
    }

    private void differ(String expected, String found) {
      for (String name : listed) {
        comparer.distances.put(name, Double.POSITIVE_INFINITY);
      }
      comparer.differ(place, expected, found);
    }
  }
}
