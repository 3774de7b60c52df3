package io.thecodeforge.ml.contract;

import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.tensorflow.proto.DataType;

/** The dtypes that a signature can meaningfully carry, under NumPy's names. */
final class DataTypes {

  private static final Map<DataType, String> NAMES =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry(DataType.DT_FLOAT, "float32"),
              Map.entry(DataType.DT_DOUBLE, "float64"),
              Map.entry(DataType.DT_INT32, "int32"),
              Map.entry(DataType.DT_UINT8, "uint8"),
              Map.entry(DataType.DT_INT16, "int16"),
              Map.entry(DataType.DT_INT8, "int8"),
              Map.entry(DataType.DT_STRING, "string"),
              Map.entry(DataType.DT_INT64, "int64"),
              Map.entry(DataType.DT_BOOL, "bool"),
              Map.entry(DataType.DT_BFLOAT16, "bfloat16"),
              Map.entry(DataType.DT_UINT16, "uint16"),
              Map.entry(DataType.DT_HALF, "float16"),
              Map.entry(DataType.DT_UINT32, "uint32"),
              Map.entry(DataType.DT_UINT64, "uint64")));

  private DataTypes() {}

  static String name(DataType type) {
    return NAMES.getOrDefault(type, type.name());
  }

  static Collection<String> names() {
    return new TreeSet<>(NAMES.values());
  }
}
