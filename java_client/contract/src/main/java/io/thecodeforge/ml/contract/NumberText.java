package io.thecodeforge.ml.contract;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;

/** Numbers as Python writes them, so that both languages say the same of the same value. */
final class NumberText {

  private static final int MOST_DIGITS = 17; // of a double, to tell it from its neighbours
  private static final int EXACT_DIGITS = 16; // before the point, where Python adds an exponent
  private static final int GENERAL_DIGITS = 6;

  private NumberText() {}

  /** Returns six significant digits without zeros at the end: Python's {@code f"{value:g}"}. */
  static String general(double value) {
    return Double.isFinite(value) && value != 0
        ? text(rounded(value, GENERAL_DIGITS, RoundingMode.HALF_EVEN), GENERAL_DIGITS)
        : special(value, "0");
  }

  /** Returns the fewest digits that read as this value again: Python's {@code repr(value)}. */
  static String exact(double value) {
    if (!Double.isFinite(value) || value == 0) {
      return special(value, "0.0");
    }
    String text = text(shortest(value), EXACT_DIGITS);
    return text.contains(".") || text.contains("e") ? text : text + ".0";
  }

  /** Finds the fewest digits; {@link Double#toString} writes more before Java 19. */
  private static BigDecimal shortest(double value) {
    for (int digits = 1; digits < MOST_DIGITS; digits++) {
      // Beside a power of two the nearest may read as a neighbour, and the next one does not.
      for (RoundingMode mode :
          List.of(RoundingMode.HALF_EVEN, RoundingMode.UP, RoundingMode.DOWN)) {
        BigDecimal rounded = rounded(value, digits, mode);
        if (rounded.doubleValue() == value) {
          return rounded;
        }
      }
    }
    return rounded(value, MOST_DIGITS, RoundingMode.HALF_EVEN);
  }

  private static BigDecimal rounded(double value, int digits, RoundingMode mode) {
    return new BigDecimal(value).round(new MathContext(digits, mode));
  }

  private static String special(double value, String zero) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    String sign = value < 0 || 1 / value < 0 ? "-" : "";
    return sign + (value == 0 ? zero : "inf");
  }

  /** Writes an exponent where it is below -4, or not below {@code most}. */
  private static String text(BigDecimal value, int most) {
    BigDecimal plain = value.stripTrailingZeros();
    int exponent = plain.precision() - plain.scale() - 1;
    if (exponent >= -4 && exponent < most) {
      return plain.toPlainString();
    }
    String digits = plain.unscaledValue().abs().toString();
    String mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
    return "%s%se%s%02d"
        .formatted(
            plain.signum() < 0 ? "-" : "", mantissa, exponent < 0 ? "-" : "+", Math.abs(exponent));
  }
}
