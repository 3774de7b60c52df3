package io.thecodeforge.ml.contract;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A request that nobody recorded: the smallest that a signature admits, as Python's {@code
 * signature_contract.checking.made_up} makes it.
 */
public final class MadeUpRequest {

  private static final long OPEN_SIZE = 32; // of an axis that may have any, other than the first

  private MadeUpRequest() {}

  /**
   * Returns a tensor for each input; what has a default is left out.
   *
   * @param signature the signature, its dimensions resolved as far as they are known
   * @param text what each text is: an image file, which a model of images takes, and any other has
   *     to bear
   * @throws IllegalArgumentException when an input's dtype has no values, a resource for instance
   */
  public static Map<String, TensorValue> acceptable(SignatureSpec signature, byte[] text) {
    Map<String, TensorValue> request = new LinkedHashMap<>();
    signature
        .inputs()
        .forEach(
            (name, spec) -> {
              if (!spec.hasDefault()) {
                request.put(name, smallest(spec, text));
              }
            });
    return request;
  }

  private static TensorValue smallest(TensorSpec spec, byte[] text) {
    Element element = Element.of(spec.dtype());
    long[] shape = spec.shape().map(MadeUpRequest::concrete).orElse(new long[] {1});
    int count = Math.toIntExact(Arrays.stream(shape).reduce(1, Math::multiplyExact));
    Object data = element.zeros(count);
    if (data instanceof byte[][] texts) {
      Arrays.fill(texts, text);
    } else if (spec.range().isPresent()) {
      ValueRange range = spec.range().get();
      double inside = Math.min(Math.max(0, range.low()), range.high());
      for (int i = 0; i < count; i++) {
        element.set(data, i, inside);
      }
    }
    return TensorValue.of(spec.dtype(), data, shape);
  }

  private static long[] concrete(List<Size> sizes) {
    long[] shape = new long[sizes.size()];
    for (int axis = 0; axis < shape.length; axis++) {
      long size = sizes.get(axis) instanceof Size.Count count ? count.value() : -1;
      boolean isRows = axis == 0 && sizes.get(0) instanceof Size.Count;
      shape[axis] = size != -1 ? size : isRows ? 1 : OPEN_SIZE;
    }
    return shape;
  }
}
