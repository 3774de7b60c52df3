package io.thecodeforge.ml.grpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.Difference;
import io.thecodeforge.ml.contract.TensorMessage;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.grpc.proto.DataType;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import io.thecodeforge.ml.grpc.proto.TensorShapeProto;
import io.thecodeforge.ml.image.PixelShape;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Tensors as messages: images into them, answers out of them. */
final class TensorProtos {

  private TensorProtos() {}

  /** Returns string [images]; the bytes are wrapped, not copied. */
  static TensorProto encoded(List<byte[]> images) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setDtype(DataType.DT_STRING).setTensorShape(shape(images.size()));
    images.forEach(image -> tensor.addStringVal(UnsafeByteOperations.unsafeWrap(image)));
    return tensor.build();
  }

  /** Returns uint8 [count, height, width, 3]; the bytes are wrapped, not copied. */
  static TensorProto pixels(byte[] rgb, PixelShape shape) {
    return TensorProto.newBuilder()
        .setDtype(DataType.DT_UINT8)
        .setTensorShape(shape(shape.sizes()))
        .setTensorContent(UnsafeByteOperations.unsafeWrap(rgb))
        .build();
  }

  /** Returns a tensor as a message; numbers are copied, texts wrapped. */
  static TensorProto of(TensorValue value) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setDtypeValue(value.dtypeNumber())
            .setTensorShape(shape(value.shape()));
    if (value.data() instanceof byte[][] texts) {
      for (byte[] text : texts) {
        tensor.addStringVal(UnsafeByteOperations.unsafeWrap(text));
      }
    } else {
      tensor.setTensorContent(UnsafeByteOperations.unsafeWrap(value.content()));
    }
    return tensor.build();
  }

  /**
   * Returns the tensor that a message holds, in whichever of its fields.
   *
   * @param where the tensor, for the message
   * @param subject whose it is, for the message
   * @throws ContractMismatchException when it holds none
   */
  static TensorValue value(String where, TensorProto tensor, String subject) {
    try {
      return message(tensor).tensor();
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new ContractMismatchException(
          subject, List.of(new Difference("answer-form", where, "a tensor", e.getMessage())));
    }
  }

  static Map<String, TensorMessage> messages(Map<String, TensorProto> tensors) {
    Map<String, TensorMessage> messages = new TreeMap<>();
    tensors.forEach((name, tensor) -> messages.put(name, message(tensor)));
    return messages;
  }

  private static TensorMessage message(TensorProto tensor) {
    TensorShapeProto shape = tensor.getTensorShape();
    return new TensorMessage(
        tensor.getDtypeValue(),
        shape.getUnknownRank()
            ? null
            : shape.getDimList().stream().mapToLong(TensorShapeProto.Dim::getSize).toArray(),
        tensor.getTensorContent().asReadOnlyByteBuffer(),
        numbers(tensor),
        tensor.getStringValList().stream().map(ByteString::toByteArray).toList());
  }

  private static List<? extends Number> numbers(TensorProto tensor) {
    return switch (tensor.getDtype()) {
      case DT_FLOAT -> tensor.getFloatValList();
      case DT_DOUBLE -> tensor.getDoubleValList();
      case DT_INT64 -> tensor.getInt64ValList();
      case DT_UINT32 -> tensor.getUint32ValList();
      case DT_UINT64 -> tensor.getUint64ValList();
      case DT_HALF, DT_BFLOAT16 -> tensor.getHalfValList();
      case DT_COMPLEX64 -> tensor.getScomplexValList();
      case DT_COMPLEX128 -> tensor.getDcomplexValList();
      case DT_BOOL -> tensor.getBoolValList().stream().map(flag -> flag ? 1 : 0).toList();
      default -> tensor.getIntValList();
    };
  }

  private static TensorShapeProto shape(long... sizes) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (long size : sizes) {
      shape.addDim(TensorShapeProto.Dim.newBuilder().setSize(size));
    }
    return shape.build();
  }

  /** Returns how many float32 values have arrived, whatever the tensor's shape says. */
  static int floatCount(TensorProto tensor) {
    ByteString content = tensor.getTensorContent();
    return content.isEmpty() ? tensor.getFloatValCount() : content.size() / 4;
  }

  /**
   * Returns the values of a float32 tensor row after row. Servers write them as {@code float_val},
   * or with {@code --enable_serialization_as_tensor_content} as little-endian bytes.
   *
   * @param expected how many there must be
   * @throws ContractMismatchException when there are more or fewer
   */
  static float[] floats(String where, TensorProto tensor, int expected) {
    ByteString content = tensor.getTensorContent();
    float[] values = new float[floatCount(tensor)];
    if (content.isEmpty()) {
      for (int i = 0; i < values.length; i++) {
        values[i] = tensor.getFloatVal(i);
      }
    } else {
      FloatBuffer floats =
          content.asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
      floats.get(values);
    }
    checkCount(where, values.length, expected);
    return values;
  }

  /**
   * Returns the texts of a string tensor row after row.
   *
   * @param expected how many there must be
   * @throws ContractMismatchException when there are more or fewer
   */
  static List<String> texts(String where, TensorProto tensor, int expected) {
    checkCount(where, tensor.getStringValCount(), expected);
    return tensor.getStringValList().stream().map(ByteString::toStringUtf8).toList();
  }

  private static void checkCount(String where, int found, int expected) {
    if (found != expected) {
      throw new ContractMismatchException(
          "the server's answer",
          List.of(
              new Difference("answer-form", where, expected + " values", Integer.toString(found))));
    }
  }
}
