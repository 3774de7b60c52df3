package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.InferenceException;
import io.thecodeforge.ml.contract.TensorSpec;
import io.thecodeforge.ml.contract.TensorValue;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TFloat64;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.TInt64;
import org.tensorflow.types.TString;
import org.tensorflow.types.TUint16;
import org.tensorflow.types.TUint8;
import org.tensorflow.types.family.TType;

/** Tensors from Java's memory into TensorFlow's and back; both ways copy. */
final class NativeTensors {

  /** Every dtype of which TensorFlow Java can hold a tensor. */
  private static final Map<String, Class<? extends TType>> TYPES = new LinkedHashMap<>();

  static {
    TYPES.put("float32", TFloat32.class);
    TYPES.put("float64", TFloat64.class);
    TYPES.put("int32", TInt32.class);
    TYPES.put("uint8", TUint8.class);
    TYPES.put("string", TString.class);
    TYPES.put("int64", TInt64.class);
    TYPES.put("bool", TBool.class);
    TYPES.put("bfloat16", TBfloat16.class);
    TYPES.put("uint16", TUint16.class);
    TYPES.put("float16", TFloat16.class);
  }

  private NativeTensors() {}

  /** Tells whether TensorFlow Java can hold a tensor of a dtype. */
  static boolean canHold(String dtype) {
    return TYPES.containsKey(dtype);
  }

  /**
   * Refuses a dtype of which TensorFlow Java has no tensors.
   *
   * @param where the tensor, for the message
   * @throws InferenceException when it has none
   */
  static void requireHeld(String where, String dtype) {
    if (!canHold(dtype)) {
      throw new InferenceException(
          "%s is %s, and TensorFlow Java has tensors of %s: ask a server for this signature"
              .formatted(where, dtype, String.join(", ", TYPES.keySet())));
    }
  }

  /** Returns a new tensor, which is the caller's to close. */
  static Tensor of(TensorValue value) {
    Shape shape = Shape.of(value.shape());
    if (value.data() instanceof byte[][] texts) {
      return TString.tensorOfBytes(shape, DataBuffers.of(texts, true, false));
    }
    byte[] content = value.content().array();
    return Tensor.of(TYPES.get(value.dtype()), shape, DataBuffers.of(content, true, false));
  }

  /** Describes a tensor; its values are not looked at. */
  static TensorSpec spec(Tensor tensor) {
    return TensorSpec.ofMessage(tensor.dataType().getNumber(), false, tensor.shape().asArray());
  }

  /** Returns a copy of a tensor, so that the tensor can be freed. */
  static TensorValue value(Tensor tensor) {
    long[] shape = tensor.shape().asArray();
    if (tensor instanceof TString texts) {
      List<byte[]> copy = new ArrayList<>();
      texts.asBytes().scalars().forEach(scalar -> copy.add(scalar.getObject()));
      return TensorValue.of(copy.toArray(byte[][]::new), shape);
    }
    byte[] content = new byte[Math.toIntExact(tensor.numBytes())];
    if (content.length > 0) {
      tensor.asRawTensor().data().read(content);
    }
    return TensorValue.ofContent(spec(tensor).dtype(), ByteBuffer.wrap(content), shape);
  }

  /** Returns copies of tensors by name. */
  static Map<String, TensorValue> values(Map<String, Tensor> tensors) {
    Map<String, TensorValue> values = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> values.put(name, value(tensor)));
    return values;
  }
}
