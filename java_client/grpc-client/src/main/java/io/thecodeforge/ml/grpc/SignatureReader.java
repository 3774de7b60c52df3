package io.thecodeforge.ml.grpc;

import io.thecodeforge.ml.contract.Declaration;
import io.thecodeforge.ml.contract.SignatureSpec;
import io.thecodeforge.ml.contract.TensorSpec;
import io.thecodeforge.ml.grpc.proto.SignatureDef;
import io.thecodeforge.ml.grpc.proto.TensorInfo;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import io.thecodeforge.ml.grpc.proto.TensorShapeProto;
import java.util.Map;

/** Reads what a server's messages declare into the contract's own terms. */
final class SignatureReader {

  private static final Declaration<SignatureDef, TensorInfo> DECLARATION =
      new Declaration<>(
          SignatureDef::getInputsMap,
          SignatureDef::getOutputsMap,
          def -> TensorProtos.messages(def.getDefaultsMap()),
          info -> spec(info.getDtypeValue(), info.getTensorShape()));

  private SignatureReader() {}

  /** Returns signature by key, of a GetModelMetadata answer. */
  static Map<String, SignatureSpec> signatures(Map<String, SignatureDef> messages) {
    return DECLARATION.signatures(messages);
  }

  /** Describes the tensor that a message carries; its values are not looked at. */
  static TensorSpec spec(TensorProto tensor) {
    return spec(tensor.getDtypeValue(), tensor.getTensorShape());
  }

  private static TensorSpec spec(int type, TensorShapeProto shape) {
    return TensorSpec.ofMessage(
        type,
        shape.getUnknownRank(),
        shape.getDimList().stream().mapToLong(TensorShapeProto.Dim::getSize).toArray());
  }
}
