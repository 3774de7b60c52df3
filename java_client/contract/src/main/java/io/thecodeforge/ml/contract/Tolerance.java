package io.thecodeforge.ml.contract;

/**
 * How far apart two correct answers may lie: absolute + relative * |golden value|.
 *
 * @param absolute in the output's own unit, at least 0
 * @param relative share of the golden value, at least 0
 */
public record Tolerance(double absolute, double relative) {

  /** Returns what counts where a contract states nothing; the same as in Python's reader. */
  static Tolerance ofDtype(String dtype) {
    return switch (dtype) {
      case "float64" -> new Tolerance(1e-9, 1e-9);
      case "float32" -> new Tolerance(1e-4, 1e-4);
      case "float16" -> new Tolerance(1e-2, 1e-2);
      case "bfloat16" -> new Tolerance(1e-1, 1e-1);
      default -> new Tolerance(0, 0);
    };
  }

  /** Returns the largest distance allowed from a golden value. */
  public double limit(double golden) {
    return absolute + relative * Math.abs(golden);
  }

  @Override
  public String toString() {
    return relative == 0
        ? NumberText.general(absolute)
        : "%s + %s of the value"
            .formatted(NumberText.general(absolute), NumberText.general(relative));
  }
}
