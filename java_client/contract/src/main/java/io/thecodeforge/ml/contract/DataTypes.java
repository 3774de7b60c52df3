package io.thecodeforge.ml.contract;

import java.util.List;
import java.util.Set;

/**
 * TensorFlow's dtypes under the names that a contract uses: NumPy's, or TensorFlow's own where
 * NumPy has none.
 */
final class DataTypes {

  /** In the order of their numbers in TensorFlow's {@code DataType}, from 1. */
  static final List<String> NAMES =
      List.of(
          "float32",
          "float64",
          "int32",
          "uint8",
          "int16",
          "int8",
          "string",
          "complex64",
          "int64",
          "bool",
          "qint8",
          "quint8",
          "qint32",
          "bfloat16",
          "qint16",
          "quint16",
          "uint16",
          "complex128",
          "float16",
          "resource",
          "variant",
          "uint32",
          "uint64",
          "float8_e5m2",
          "float8_e4m3fn",
          "float8_e4m3fnuz",
          "float8_e4m3b11fnuz",
          "float8_e5m2fnuz",
          "int4",
          "uint4",
          "int2",
          "uint2",
          "float4_e2m1fn");

  /** dtypes whose values are not ordered, or have no values at all. */
  static final Set<String> WITHOUT_RANGE =
      Set.of("string", "bool", "complex64", "complex128", "resource", "variant");

  private DataTypes() {}

  /** Returns the name of a dtype by its number in TensorFlow's {@code DataType}. */
  static String name(int number) {
    return number >= 1 && number <= NAMES.size()
        ? NAMES.get(number - 1)
        : "DataType(%d)".formatted(number);
  }

  /** Returns the number of a dtype in TensorFlow's {@code DataType}. */
  static int number(String name) {
    int index = NAMES.indexOf(name);
    if (index < 0) {
      throw new IllegalArgumentException(
          "expected a dtype of %s, received %s".formatted(String.join(", ", NAMES), name));
    }
    return index + 1;
  }
}
