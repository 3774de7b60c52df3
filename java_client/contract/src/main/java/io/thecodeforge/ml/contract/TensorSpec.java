package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * dtype and shape of one named tensor.
 *
 * @param dtype NumPy's name of the dtype, TensorFlow's ({@code bfloat16}, {@code qint8}) where
 *     NumPy has none, or {@code string}
 * @param shape a size for each axis; empty when not even the rank is known
 * @param statedTolerance how far an answer may lie from the golden one, where a contract says so;
 *     {@link #tolerance} is what counts
 * @param range lowest and highest value; empty where any will do
 * @param defaultValue value of an input that a request may leave out; empty where it may not
 */
public record TensorSpec(
    String dtype,
    Optional<List<Size>> shape,
    Optional<Tolerance> statedTolerance,
    Optional<ValueRange> range,
    Optional<DefaultValue> defaultValue) {

  /** Copies the shape, so that a spec never changes. */
  public TensorSpec {
    shape = shape.map(List::copyOf);
  }

  private TensorSpec(String dtype, Optional<List<Size>> shape) {
    this(dtype, shape, Optional.empty(), Optional.empty(), Optional.empty());
  }

  /** Tells whether a request may leave this input out. */
  public boolean hasDefault() {
    return defaultValue.isPresent();
  }

  /** Returns the default value for messages. */
  String defaultText() {
    return defaultValue.map(DefaultValue::toString).orElse("no default");
  }

  /** Returns the stated tolerance, or the dtype's where a contract states none. */
  public Tolerance tolerance() {
    return statedTolerance.orElseGet(() -> Tolerance.ofDtype(dtype));
  }

  /**
   * Describes a concrete tensor, or a signature's declared one.
   *
   * @param dtype NumPy's name of the dtype, or {@code string}
   * @param shape a size for each axis; -1 means "any"
   */
  public static TensorSpec of(String dtype, long... shape) {
    List<Size> sizes = new ArrayList<>(shape.length);
    for (long size : shape) {
      sizes.add(new Size.Count(size));
    }
    return new TensorSpec(dtype, Optional.of(sizes));
  }

  /**
   * Describes a tensor as TensorFlow's messages do.
   *
   * @param type the dtype's number in TensorFlow's enumeration, 1 for {@code DT_FLOAT}
   * @param unknownRank whether not even the rank is known
   * @param shape a size for each axis; -1 means "any"
   */
  public static TensorSpec ofMessage(int type, boolean unknownRank, long... shape) {
    String dtype = DataTypes.name(type);
    return unknownRank ? ofUnknownRank(dtype) : of(dtype, shape);
  }

  /**
   * Returns the same tensor as one that a request may leave out.
   *
   * @param value what counts then
   */
  public TensorSpec withDefault(DefaultValue value) {
    return new TensorSpec(dtype, shape, statedTolerance, range, Optional.of(value));
  }

  /** Describes a tensor of which not even the rank is known. */
  public static TensorSpec ofUnknownRank(String dtype) {
    return new TensorSpec(dtype, Optional.empty());
  }

  /**
   * Tells whether a concrete tensor may be used here.
   *
   * @param tensor dtype and sizes of a tensor that exists
   */
  public boolean admits(TensorSpec tensor) {
    return admits(tensor, new HashMap<>());
  }

  /**
   * Tells whether a concrete tensor may be used here, beside others.
   *
   * @param tensor dtype and sizes of a tensor that exists
   * @param sizes size of each named dimension that is known; the first tensor that has a dimension,
   *     and may be used, binds it for those that follow: its size is added
   */
  boolean admits(TensorSpec tensor, Map<String, Long> sizes) {
    if (!dtype.equals(tensor.dtype)) {
      return false;
    }
    if (shape.isEmpty()) {
      return true;
    }
    List<Size> want = shape.get();
    List<Size> got = tensor.shape.orElse(List.of());
    if (want.size() != got.size()) {
      return false;
    }
    Map<String, Long> named = new HashMap<>();
    for (int axis = 0; axis < want.size(); axis++) {
      long size = ((Size.Count) got.get(axis)).value();
      long wanted;
      if (want.get(axis) instanceof Size.Named dimension) {
        named.putIfAbsent(dimension.name(), size);
        wanted = sizes.getOrDefault(dimension.name(), named.get(dimension.name()));
      } else {
        wanted = ((Size.Count) want.get(axis)).value();
      }
      if (wanted != -1 && wanted != size) {
        return false;
      }
    }
    named.forEach(sizes::putIfAbsent);
    return true;
  }

  /** Replaces the name of each dimension in {@code bound} by its size. */
  TensorSpec resolve(Map<String, Long> bound) {
    return new TensorSpec(
        dtype,
        shape.map(sizes -> sizes.stream().map(size -> resolve(size, bound)).toList()),
        statedTolerance,
        range,
        defaultValue);
  }

  private static Size resolve(Size size, Map<String, Long> bound) {
    return size instanceof Size.Named named && bound.containsKey(named.name())
        ? new Size.Count(bound.get(named.name()))
        : size;
  }

  /**
   * Tells whether a declared tensor has this shape, axis by axis.
   *
   * @param sizes size of each named dimension met so far; the first tensor that names an unbound
   *     dimension binds it here for the rest
   */
  boolean hasShapeOf(TensorSpec found, Map<String, Long> sizes) {
    if (shape.isEmpty() || found.shape.isEmpty()) {
      return shape.isEmpty() && found.shape.isEmpty();
    }
    List<Size> want = shape.get();
    List<Size> have = found.shape.get();
    if (want.size() != have.size()) {
      return false;
    }
    for (int axis = 0; axis < want.size(); axis++) {
      if (want.get(axis).equals(have.get(axis))) {
        continue; // the same size, or in another copy of the contract the same name
      }
      if (!(want.get(axis) instanceof Size.Named named)
          || !(have.get(axis) instanceof Size.Count count)
          || count.value() < 1) {
        return false;
      }
      Long known = sizes.putIfAbsent(named.name(), count.value());
      if (known != null && known != count.value()) {
        return false;
      }
    }
    return true;
  }

  @Override
  public String toString() {
    return shape
        .map(
            sizes ->
                sizes.stream()
                    .map(Size::toString)
                    .collect(Collectors.joining(", ", dtype + " [", "]")))
        .orElse(dtype + " of unknown rank");
  }
}
