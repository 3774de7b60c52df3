package io.thecodeforge.ml.contract;

import java.util.Map;
import java.util.TreeMap;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.TensorProto;
import org.tensorflow.proto.TensorShapeProto;

/** Reads what TensorFlow's messages declare into the contract's own terms. */
public final class SignatureReader {

  /** TensorFlow's own entry in a signature map; it is no signature. */
  private static final String INIT_OP_KEY = "__saved_model_init_op";

  private SignatureReader() {}

  /**
   * Reads the signatures of a SavedModel's meta graph or of a GetModelMetadata answer.
   *
   * @param signatureDefs message by signature key
   * @return signature by key in alphabetical order, since a message's maps have none; without
   *     TensorFlow's initialisation entry
   */
  public static Map<String, SignatureSpec> signatures(Map<String, SignatureDef> signatureDefs) {
    Map<String, SignatureSpec> signatures = new TreeMap<>();
    signatureDefs.forEach(
        (key, def) -> {
          if (!key.equals(INIT_OP_KEY)) {
            signatures.put(
                key, new SignatureSpec(specs(def.getInputsMap()), specs(def.getOutputsMap())));
          }
        });
    return signatures;
  }

  /**
   * Describes the tensor that a message carries.
   *
   * @param tensor dtype and sizes; its values are not looked at
   */
  public static TensorSpec spec(TensorProto tensor) {
    return spec(tensor.getDtype(), tensor.getTensorShape());
  }

  /**
   * Names a dtype as contracts do.
   *
   * @param type TensorFlow's dtype
   */
  public static String dtype(DataType type) {
    return DataTypes.name(type);
  }

  private static Map<String, TensorSpec> specs(Map<String, TensorInfo> infos) {
    Map<String, TensorSpec> specs = new TreeMap<>();
    infos.forEach((name, info) -> specs.put(name, spec(info.getDtype(), info.getTensorShape())));
    return specs;
  }

  private static TensorSpec spec(DataType dtype, TensorShapeProto shape) {
    return shape.getUnknownRank()
        ? TensorSpec.ofUnknownRank(DataTypes.name(dtype))
        : TensorSpec.of(
            DataTypes.name(dtype),
            shape.getDimList().stream().mapToLong(TensorShapeProto.Dim::getSize).toArray());
  }
}
