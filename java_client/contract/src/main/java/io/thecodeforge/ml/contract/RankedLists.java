package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The lists of a golden answer beside those of another answer, one list a row. */
record RankedLists(
    Map<String, TensorValue> golden,
    Map<String, TensorValue> answer,
    Map<String, TensorSpec> specs,
    Ranking ranking,
    OptionalDouble threshold,
    Comparison.Findings found) {

  /**
   * Finds the outputs that describe the entries: those whose first two axes are the scores'.
   *
   * @param comparable the outputs whose shapes agree
   */
  static RankedLists of(
      Map<String, TensorValue> golden,
      Map<String, TensorValue> answer,
      Map<String, TensorSpec> comparable,
      Ranking ranking,
      Map<String, Object> parameters,
      Comparison.Findings found) {
    long[] axes = firstTwo(golden.get(ranking.scores()));
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    comparable.forEach(
        (name, spec) -> {
          if (!name.equals(ranking.count()) && Arrays.equals(firstTwo(golden.get(name)), axes)) {
            specs.put(name, spec);
          }
        });
    OptionalDouble threshold =
        parameters.get(ranking.threshold()) instanceof Number number
            ? OptionalDouble.of(number.doubleValue())
            : OptionalDouble.empty();
    return new RankedLists(golden, answer, specs, ranking, threshold, found);
  }

  private static long[] firstTwo(TensorValue tensor) {
    long[] shape = tensor.shape();
    return Arrays.copyOf(shape, Math.min(2, shape.length));
  }

  /** Returns the outputs that are compared here. */
  Set<String> names() {
    Set<String> names = new HashSet<>(specs.keySet());
    names.add(ranking.count());
    return names;
  }

  void compare() {
    long[] axes = firstTwo(golden.get(ranking.scores()));
    int capacity = (int) axes[1];
    for (int row = 0; row < axes[0]; row++) {
      String place = axes[0] > 1 ? ", image " + row : "";
      int goldenCount = capacity;
      int count = capacity;
      if (ranking.isCounted()) {
        goldenCount = (int) golden.get(ranking.count()).number(row);
        double answered = answer.get(ranking.count()).number(row);
        if (!(answered >= 0 && answered <= capacity && answered == Math.rint(answered))) {
          found.measured(ranking.count(), Double.POSITIVE_INFINITY);
          found.differ(
              "%s output \"%s\"".formatted(place, ranking.count()),
              "a whole number from 0 to " + capacity,
              NumberText.general(answered));
          continue;
        }
        count = (int) answered;
        found.measured(ranking.count(), Math.abs(count - goldenCount));
      }
      checkRest(row, goldenCount, count, capacity);
      new Lists(this, entries(golden, row, goldenCount), entries(answer, row, count), place)
          .compare(capacity);
    }
  }

  private void checkRest(int row, int goldenCount, int count, int capacity) {
    for (String name : specs.keySet()) {
      boolean isSet = false;
      for (int i = count; i < capacity && !isSet; i++) {
        TensorValue entry = answer.get(name).at(row, i);
        // What fills up the golden list is as good as zeros.
        boolean isFilling =
            goldenCount < capacity && entry.equals(golden.get(name).at(row, goldenCount));
        for (int part = 0; part < entry.size() && !isFilling; part++) {
          isSet |= entry.isSet(part);
        }
      }
      if (isSet) {
        found.broken(
            name, "zeros beyond %s (%d)".formatted(ranking.count(), count), "other values");
      }
    }
  }

  /** Returns the first entries of one list, each an element or more by output. */
  private List<Map<String, TensorValue>> entries(
      Map<String, TensorValue> side, int row, int count) {
    List<Map<String, TensorValue>> entries = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Map<String, TensorValue> entry = new LinkedHashMap<>();
      for (String name : specs.keySet()) {
        entry.put(name, side.get(name).at(row, i));
      }
      entries.add(entry);
    }
    return entries;
  }

  /** The entries of one golden list and of one answer to the same request. */
  private record Lists(
      RankedLists all,
      List<Map<String, TensorValue>> golden,
      List<Map<String, TensorValue>> answer,
      String place) {

    /** Pairs the entries and reports what has no partner, or stands in another order. */
    void compare(int capacity) {
      Map<Integer, Integer> answerOf = mostPairs();
      answerOf.forEach(
          (i, j) ->
              all.specs()
                  .keySet()
                  .forEach(name -> all.found().measured(name, apart(name, i, j).largest())));
      for (int i = 0; i < golden.size(); i++) {
        if (!answerOf.containsKey(i) && !isAtALimit(score(golden, i), answer, capacity)) {
          differ("the golden " + text(golden.get(i)), nearest(i));
        }
      }
      for (int j = 0; j < answer.size(); j++) {
        if (!answerOf.containsValue(j) && !isAtALimit(score(answer, j), golden, capacity)) {
          differ("only the golden entries", "also " + text(answer.get(j)));
        }
      }
      compareOrder();
    }

    /** Pairs as many entries as possible; a golden one whose partners are taken moves them on. */
    private Map<Integer, Integer> mostPairs() {
      Map<Integer, Integer> goldenOf = new HashMap<>();
      for (int i = 0; i < golden.size(); i++) {
        place(i, new HashSet<>(), goldenOf);
      }
      Map<Integer, Integer> answerOf = new TreeMap<>();
      goldenOf.forEach((j, i) -> answerOf.put(i, j));
      return answerOf;
    }

    private boolean place(int i, Set<Integer> tried, Map<Integer, Integer> goldenOf) {
      for (int j = 0; j < answer.size(); j++) {
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
      return all.specs().keySet().stream().allMatch(name -> apart(name, i, j).agree());
    }

    private Distances apart(String name, int i, int j) {
      Tolerance tolerance = all.specs().get(name).tolerance();
      return Distances.of(golden.get(i).get(name), answer.get(j).get(name), tolerance);
    }

    /** Tells whether rounding can have kept an entry out of the other list. */
    private boolean isAtALimit(double score, List<Map<String, TensorValue>> others, int capacity) {
      Tolerance tolerance = scoreTolerance();
      OptionalDouble threshold = all.threshold();
      if (threshold.isPresent()
          && Math.abs(score - threshold.getAsDouble())
              <= tolerance.limit(threshold.getAsDouble())) {
        return true;
      }
      if (others.size() < capacity) {
        return false;
      }
      double last = score(others, others.size() - 1); // it had no room for what is worse
      return score <= last + tolerance.limit(last);
    }

    /** Holds the answer to descending scores; its partners' then descend as far as they bind. */
    private void compareOrder() {
      double lowest = Double.POSITIVE_INFINITY;
      for (int j = 0; j < answer.size(); j++) {
        double score = score(answer, j);
        if (score > lowest + scoreTolerance().limit(lowest)) {
          differ(
              "descending scores",
              "%s behind %s".formatted(NumberText.general(score), NumberText.general(lowest)));
          return;
        }
        lowest = Math.min(lowest, score);
      }
    }

    private Tolerance scoreTolerance() {
      return all.specs().get(all.ranking().scores()).tolerance();
    }

    private double score(List<Map<String, TensorValue>> side, int index) {
      return side.get(index).get(all.ranking().scores()).number(0);
    }

    private String nearest(int i) {
      if (answer.isEmpty()) {
        return "an empty list";
      }
      int nearest = 0;
      double least = Double.POSITIVE_INFINITY;
      for (int j = 0; j < answer.size(); j++) {
        double sum = 0;
        for (String name : all.specs().keySet()) {
          sum += apart(name, i, j).sum();
        }
        if (sum < least) {
          least = sum;
          nearest = j;
        }
      }
      return "at best " + text(answer.get(nearest));
    }

    private static String text(Map<String, TensorValue> entry) {
      return entry.entrySet().stream()
          .map(one -> "%s %s".formatted(one.getKey(), text(one.getValue())))
          .collect(Collectors.joining(", "));
    }

    private static String text(TensorValue values) {
      List<String> items = new ArrayList<>();
      for (int i = 0; i < values.size(); i++) {
        items.add(values.shown(i));
      }
      return values.shape().length == 0 ? items.get(0) : "[%s]".formatted(String.join(", ", items));
    }

    private void differ(String expected, String found) {
      List<String> tolerances = new ArrayList<>();
      all.specs()
          .forEach(
              (name, spec) -> {
                all.found().measured(name, Double.POSITIVE_INFINITY);
                tolerances.add("%s %s".formatted(name, spec.tolerance()));
              });
      all.found()
          .differ(
              place, "%s (within %s)".formatted(expected, String.join(", ", tolerances)), found);
    }
  }
}
