package io.thecodeforge.ml.contract;

import java.util.List;
import java.util.Optional;

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
   * Compares what a model answered with this range, give or take the output's tolerance: rounding
   * on another processor is no fault. The same rule as {@code signature_contract/value_range.py}.
   *
   * @param where the output, for the message
   * @param values every element, in row-major order
   * @param tolerance the output's
   * @return the difference; empty when every value is inside
   */
  Optional<Difference> difference(String where, float[] values, Tolerance tolerance) {
    double least = low - tolerance.limit(low);
    double most = high + tolerance.limit(high);
    for (int i = 0; i < values.length; i++) {
      // Comparisons are false for NaN, so NaN is refused as well.
      if (!(values[i] >= least && values[i] <= most)) {
        return Optional.of(
            new Difference(
                where,
                "values from %s to %s".formatted(low, high),
                "%s at place %d".formatted(values[i], i),
                List.of(available(values))));
      }
    }
    return Optional.empty();
  }

  private static String available(float[] values) {
    float least = Float.POSITIVE_INFINITY;
    float most = Float.NEGATIVE_INFINITY;
    int missing = 0;
    for (float value : values) {
      if (Float.isNaN(value)) {
        missing++;
      } else {
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
    }
    String numbers = missing == values.length ? "no number" : least + " to " + most;
    return "%d values, %s%s"
        .formatted(values.length, numbers, missing == 0 ? "" : ", %d NaN".formatted(missing));
  }
}
