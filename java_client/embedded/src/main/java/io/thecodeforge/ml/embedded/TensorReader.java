package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.contract.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import org.tensorflow.Tensor;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TString;

/** Copies the values of native tensors into Java, so that the tensors can be freed. */
final class TensorReader {

  private TensorReader() {}

  static TensorSpec spec(Tensor tensor) {
    return TensorSpec.ofMessage(tensor.dataType().getNumber(), false, tensor.shape().asArray());
  }

  /** Returns the values row after row. */
  static float[] floats(Tensor tensor) {
    TFloat32 values = (TFloat32) tensor;
    float[] copy = new float[Math.toIntExact(values.size())];
    values.asRawTensor().data().asFloats().read(copy);
    return copy;
  }

  /** Returns UTF-8 texts row after row. */
  static List<String> texts(Tensor tensor) {
    List<String> copy = new ArrayList<>();
    ((TString) tensor).scalars().forEach(scalar -> copy.add(scalar.getObject()));
    return copy;
  }
}
