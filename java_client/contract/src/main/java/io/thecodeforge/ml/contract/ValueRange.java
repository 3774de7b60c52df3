package io.thecodeforge.ml.contract;

import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;

/**
 * Lowest and highest value of a tensor, both included. NaN is outside any range.
 *
 * @param low lowest value
 * @param high highest value, at least {@code low}
 */
public record ValueRange(double low, double high) {

  /** Refuses an empty range. */
  public ValueRange {
    if (!(low <= high)) {
      throw new IllegalArgumentException("expected low <= high, received " + low + ", " + high);
    }
  }

  /**
   * Compares what is about to be sent with this range, exactly. The same rule as Python's {@code
   * signature_contract.value_range}.
   *
   * @param where the input, for the message
   * @param values the tensor; text and complex numbers have no range
   * @return the difference; empty when every value is inside
   */
  Optional<Difference> inputDifference(String where, TensorValue values) {
    return difference("input-range", where, low, high, values, i -> true);
  }

  /**
   * Compares what a model answered with this range, give or take the output's tolerance: rounding
   * on another processor is no fault.
   *
   * @param where the output, for the message
   * @param values the tensor; text and complex numbers have no range
   * @param tolerance the output's
   * @param counts tells of each position whether its value means anything; what only fills up a
   *     list is inside any range
   * @return the difference; empty when every value is inside
   */
  Optional<Difference> outputDifference(
      String where, TensorValue values, Tolerance tolerance, IntPredicate counts) {
    return difference(
        "output-range",
        where,
        low - tolerance.limit(low),
        high + tolerance.limit(high),
        values,
        counts);
  }

  private Optional<Difference> difference(
      String rule,
      String where,
      double least,
      double most,
      TensorValue values,
      IntPredicate counts) {
    // No value of uint8 can be outside of [0, 255], so that pixels need not be looked at.
    if ((values.element() == Element.UINT8 && low <= 0 && high >= 255)
        || values.isText()
        || values.isComplex()) {
      return Optional.empty();
    }
    for (int i = 0; i < values.size(); i++) {
      // Comparisons are false for NaN, so NaN is refused as well.
      if (counts.test(i) && !(values.number(i) >= least && values.number(i) <= most)) {
        List<Long> place = values.place(i);
        return Optional.of(
            new Difference(
                rule,
                where,
                "values from %s to %s".formatted(NumberText.general(low), NumberText.general(high)),
                values.shown(i) + (place.isEmpty() ? "" : " at " + place),
                List.of(available(values, counts))));
      }
    }
    return Optional.empty();
  }

  private String available(TensorValue values, IntPredicate counts) {
    double least = Double.POSITIVE_INFINITY;
    double most = Double.NEGATIVE_INFINITY;
    int missing = 0;
    for (int i = 0; i < values.size(); i++) {
      double value = counts.test(i) ? values.number(i) : low;
      if (Double.isNaN(value)) {
        missing++;
      } else {
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
    }
    String numbers =
        missing == values.size()
            ? "no number"
            : "%s to %s".formatted(NumberText.general(least), NumberText.general(most));
    return "%d values, %s%s"
        .formatted(values.size(), numbers, missing == 0 ? "" : ", %d NaN".formatted(missing));
  }
}
