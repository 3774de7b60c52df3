package io.thecodeforge.ml.contract;

import java.util.Collection;
import java.util.Map;
import java.util.TreeSet;

/** The dtypes that a signature can meaningfully carry, under NumPy's names. */
final class DataTypes {

  /** By the name in TensorFlow's enumeration. */
  private static final Map<String, String> NAMES =
      Map.ofEntries(
          Map.entry("DT_FLOAT", "float32"),
          Map.entry("DT_DOUBLE", "float64"),
          Map.entry("DT_INT32", "int32"),
          Map.entry("DT_UINT8", "uint8"),
          Map.entry("DT_INT16", "int16"),
          Map.entry("DT_INT8", "int8"),
          Map.entry("DT_STRING", "string"),
          Map.entry("DT_INT64", "int64"),
          Map.entry("DT_BOOL", "bool"),
          Map.entry("DT_BFLOAT16", "bfloat16"),
          Map.entry("DT_UINT16", "uint16"),
          Map.entry("DT_HALF", "float16"),
          Map.entry("DT_UINT32", "uint32"),
          Map.entry("DT_UINT64", "uint64"));

  private DataTypes() {}

  /** Returns NumPy's name, or TensorFlow's own where no contract can have the dtype. */
  static String name(String type) {
    return NAMES.getOrDefault(type, type);
  }

  static Collection<String> names() {
    return new TreeSet<>(NAMES.values());
  }
}
