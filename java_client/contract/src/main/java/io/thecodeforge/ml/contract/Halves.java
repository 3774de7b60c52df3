package io.thecodeforge.ml.contract;

/** The two formats of 16 bits for floating-point numbers, which Java 17 does not have. */
final class Halves {

  private static final int HALF_FRACTION_BITS = 10;
  private static final int DROPPED_BITS = 23 - HALF_FRACTION_BITS;
  private static final float SMALLEST_HALF = 0x1p-24f; // below the normal ones, steps of this size
  private static final float SMALLEST_NORMAL_HALF = 0x1p-14f;
  private static final float TOO_LARGE_HALF = 65520f; // rounds to infinity, as all above

  private Halves() {}

  /** Reads IEEE 754's binary16. */
  static float ofFloat16(short bits) {
    int sign = (bits & 0x8000) << 16;
    int exponent = (bits >> HALF_FRACTION_BITS) & 0x1f;
    int fraction = bits & 0x3ff;
    if (exponent == 0) {
      float size = fraction * SMALLEST_HALF;
      return sign == 0 ? size : -size;
    }
    int wide = exponent == 0x1f ? 0xff : exponent - 15 + 127;
    return Float.intBitsToFloat(sign | wide << 23 | fraction << DROPPED_BITS);
  }

  /** Writes IEEE 754's binary16, to the nearest, ties to even. */
  static short toFloat16(float value) {
    int sign = (Float.floatToRawIntBits(value) >>> 16) & 0x8000;
    float size = Math.abs(value);
    if (Float.isNaN(value)) {
      return (short) (sign | 0x7e00);
    }
    if (size >= TOO_LARGE_HALF) {
      return (short) (sign | 0x7c00);
    }
    if (size < SMALLEST_NORMAL_HALF) {
      return (short) (sign | (int) Math.rint(size / SMALLEST_HALF));
    }
    int bits = Float.floatToRawIntBits(size) - ((127 - 15) << 23);
    return (short) (sign | roundedShift(bits, DROPPED_BITS));
  }

  /** Reads bfloat16, the upper half of a float32. */
  static float ofBfloat16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** Writes bfloat16, to the nearest, ties to even. */
  static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) (Float.isNaN(value) ? 0x7fc0 : roundedShift(bits, 16));
  }

  private static int roundedShift(int bits, int by) {
    return (bits + (1 << (by - 1)) - 1 + ((bits >>> by) & 1)) >>> by;
  }
}
