package io.thecodeforge.ml.contract;

import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * A tensor in Java: its dtype, its shape, and its elements in one array, row after row. Nothing of
 * TensorFlow and of its messages, so that it is the same in process and over the network.
 *
 * <table>
 * <caption>What holds the elements</caption>
 * <tr><th>dtype</th><th>array</th></tr>
 * <tr><td>float32, float16, bfloat16</td><td>{@code float[]}; the narrow ones are rounded to the
 * nearest when they are sent</td></tr>
 * <tr><td>float64</td><td>{@code double[]}</td></tr>
 * <tr><td>int8, uint8</td><td>{@code byte[]}; unsigned ones as their bits</td></tr>
 * <tr><td>int16, uint16</td><td>{@code short[]}</td></tr>
 * <tr><td>int32, uint32</td><td>{@code int[]}</td></tr>
 * <tr><td>int64, uint64</td><td>{@code long[]}</td></tr>
 * <tr><td>bool</td><td>{@code boolean[]}</td></tr>
 * <tr><td>complex64, complex128</td><td>{@code float[]}, {@code double[]}: real and imaginary part,
 * one after the other</td></tr>
 * <tr><td>string</td><td>{@code byte[][]}: bytes of any kind, UTF-8 where they are text</td></tr>
 * </table>
 *
 * <p>The array is not copied: a tensor never changes as long as nobody changes the array that it
 * was made of, or that it gave away.
 */
public final class TensorValue {

  private final Element element;
  private final long[] shape;
  private final int size;
  private final Object data;

  private TensorValue(Element element, Object data, long[] shape) {
    this.element = element;
    this.data = Objects.requireNonNull(data, "data");
    this.shape = shape.clone();
    size = size(shape);
    if (!element.array.isInstance(data)) {
      throw new IllegalArgumentException(
          "expected a %s for %s, received a %s"
              .formatted(
                  element.array.getSimpleName(), element.dtype(), data.getClass().getSimpleName()));
    }
    if (Array.getLength(data) != Math.multiplyExact(size, element.parts)) {
      throw new IllegalArgumentException(
          "expected %d values for the shape %s, received %d"
              .formatted(size * element.parts, Arrays.toString(shape), Array.getLength(data)));
    }
    if (data instanceof byte[][] texts && Arrays.asList(texts).contains(null)) {
      throw new NullPointerException("an element of a string tensor is null");
    }
  }

  /**
   * Returns the number of elements of a shape.
   *
   * @throws IllegalArgumentException when a size is negative, or there are 2^31 elements or more
   */
  private static int size(long[] shape) {
    long size = 1;
    for (long axis : shape) {
      if (axis < 0) {
        throw new IllegalArgumentException(
            "expected a size of at least 0 on each axis, received " + Arrays.toString(shape));
      }
      size = Math.multiplyExact(size, axis);
    }
    if (size > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "expected fewer than 2^31 elements, received the shape " + Arrays.toString(shape));
    }
    return (int) size;
  }

  /**
   * Makes a tensor of any dtype.
   *
   * @param dtype the dtype, as a contract names it
   * @param data its elements row after row, in the array that the table above names; not copied
   * @param shape the size of each axis; none for a scalar
   * @throws IllegalArgumentException when the array is another one, or has not as many elements as
   *     the shape; or when such values cannot be held
   */
  public static TensorValue of(String dtype, Object data, long... shape) {
    return new TensorValue(Element.of(dtype), data, shape);
  }

  /** Makes a float32 tensor; the array is not copied. */
  public static TensorValue of(float[] data, long... shape) {
    return new TensorValue(Element.FLOAT32, data, shape);
  }

  /** Makes a float64 tensor; the array is not copied. */
  public static TensorValue of(double[] data, long... shape) {
    return new TensorValue(Element.FLOAT64, data, shape);
  }

  /** Makes an int32 tensor; the array is not copied. */
  public static TensorValue of(int[] data, long... shape) {
    return new TensorValue(Element.INT32, data, shape);
  }

  /** Makes an int64 tensor; the array is not copied. */
  public static TensorValue of(long[] data, long... shape) {
    return new TensorValue(Element.INT64, data, shape);
  }

  /** Makes a bool tensor; the array is not copied. */
  public static TensorValue of(boolean[] data, long... shape) {
    return new TensorValue(Element.BOOL, data, shape);
  }

  /** Makes a uint8 tensor, for instance of pixels; the array is not copied. */
  public static TensorValue of(byte[] data, long... shape) {
    return new TensorValue(Element.UINT8, data, shape);
  }

  /** Makes a string tensor of bytes of any kind, for instance of image files; not copied. */
  public static TensorValue of(byte[][] data, long... shape) {
    return new TensorValue(Element.STRING, data, shape);
  }

  /** Makes a string tensor of texts, as UTF-8. */
  public static TensorValue ofTexts(List<String> texts, long... shape) {
    byte[][] data =
        texts.stream().map(text -> text.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
    return new TensorValue(Element.STRING, data, shape);
  }

  /**
   * Makes a tensor of the bytes in which TensorFlow stores it.
   *
   * @param dtype any dtype but {@code string}
   * @param content the elements, little-endian, from the buffer's position to its limit; copied
   * @param shape the size of each axis; none for a scalar
   * @throws IllegalArgumentException when there are more bytes, or fewer, than the shape needs
   */
  public static TensorValue ofContent(String dtype, ByteBuffer content, long... shape) {
    Element element = Element.of(dtype);
    long expected = (long) size(shape) * element.bytes;
    if (element == Element.STRING || content.remaining() != expected) {
      throw new IllegalArgumentException(
          "expected %d bytes for %s %s, received %d"
              .formatted(expected, dtype, Arrays.toString(shape), content.remaining()));
    }
    return new TensorValue(element, element.read(content, size(shape)), shape);
  }

  /** Returns the dtype, as a contract names it. */
  public String dtype() {
    return element.dtype();
  }

  /** Returns the dtype's number in TensorFlow's {@code DataType}. */
  public int dtypeNumber() {
    return DataTypes.number(dtype());
  }

  /** Returns the size of each axis; nothing for a scalar. */
  public long[] shape() {
    return shape.clone();
  }

  /** Returns the number of elements. */
  public int size() {
    return size;
  }

  /** Returns dtype and shape, for comparing with a contract. */
  public TensorSpec spec() {
    return TensorSpec.of(dtype(), shape);
  }

  /**
   * Returns the elements in the array that holds them, which is not copied.
   *
   * @throws IllegalStateException when the dtype is not float32, float16, bfloat16 or complex64
   */
  public float[] floats() {
    return as(float[].class);
  }

  /**
   * Returns the elements in the array that holds them, which is not copied.
   *
   * @throws IllegalStateException when the dtype is neither float64 nor complex128
   */
  public double[] doubles() {
    return as(double[].class);
  }

  /**
   * Returns the elements in the array that holds them, which is not copied.
   *
   * @throws IllegalStateException when the dtype is neither int32 nor uint32
   */
  public int[] ints() {
    return as(int[].class);
  }

  /**
   * Returns the elements in the array that holds them, which is not copied.
   *
   * @throws IllegalStateException when the dtype is neither int64 nor uint64
   */
  public long[] longs() {
    return as(long[].class);
  }

  /**
   * Returns the elements in the array that holds them, which is not copied.
   *
   * @throws IllegalStateException when the dtype is neither int16 nor uint16
   */
  public short[] shorts() {
    return as(short[].class);
  }

  /**
   * Returns the elements in the array that holds them, which is not copied.
   *
   * @throws IllegalStateException when the dtype is neither int8 nor uint8
   */
  public byte[] bytes() {
    return as(byte[].class);
  }

  /**
   * Returns the elements in the array that holds them, which is not copied.
   *
   * @throws IllegalStateException when the dtype is not bool
   */
  public boolean[] booleans() {
    return as(boolean[].class);
  }

  /**
   * Returns the elements in the array that holds them, which is not copied.
   *
   * @throws IllegalStateException when the dtype is not string
   */
  public byte[][] byteStrings() {
    return as(byte[][].class);
  }

  /**
   * Returns the elements as UTF-8 text.
   *
   * @throws IllegalStateException when the dtype is not string
   */
  public List<String> texts() {
    return Arrays.stream(byteStrings()).map(TensorValue::text).toList();
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private <T> T as(Class<T> array) {
    if (!array.isInstance(data)) {
      throw new IllegalStateException(
          "the elements of %s are a %s, not a %s"
              .formatted(spec(), element.array.getSimpleName(), array.getSimpleName()));
    }
    return array.cast(data);
  }

  /** Returns the array that holds the elements, which is not copied. */
  public Object data() {
    return data;
  }

  /**
   * Returns the elements as TensorFlow stores them: little-endian, row after row.
   *
   * @return a new buffer
   * @throws IllegalStateException when the dtype is string
   */
  public ByteBuffer content() {
    return element.write(data, size);
  }

  /**
   * Returns one element as a number: true is 1, a complex one its real part.
   *
   * @param index its place, counted row after row
   * @throws IllegalStateException when the dtype is string
   */
  public double number(int index) {
    return element.number(data, index * element.parts);
  }

  double imaginary(int index) {
    return element.isComplex() ? element.number(data, 2 * index + 1) : 0;
  }

  Element element() {
    return element;
  }

  boolean isText() {
    return element == Element.STRING;
  }

  boolean isComplex() {
    return element.isComplex();
  }

  boolean isFinite(int index) {
    return Double.isFinite(number(index)) && Double.isFinite(imaginary(index));
  }

  /** Tells whether an element is neither zero, nor false, nor an empty text. */
  boolean isSet(int index) {
    return isText() ? byteStrings()[index].length > 0 : number(index) != 0 || imaginary(index) != 0;
  }

  /** Returns one element for messages, a number with six digits. */
  String shown(int index) {
    if (isText()) {
      return text(byteStrings()[index]);
    }
    String real = NumberText.general(number(index));
    if (!isComplex()) {
      return real;
    }
    String part = NumberText.general(imaginary(index));
    return real + (part.startsWith("-") ? part : "+" + part) + "j";
  }

  /**
   * Returns the elements at one place of the first axes.
   *
   * @param place one index for each of them
   */
  TensorValue at(int... place) {
    long[] rest = Arrays.copyOfRange(shape, place.length, shape.length);
    int count = size(rest);
    int from = 0;
    for (int axis = 0; axis < place.length; axis++) {
      from = Math.toIntExact(from * shape[axis] + place[axis]);
    }
    Object part = element.zeros(count);
    int length = count * element.parts;
    System.arraycopy(data, from * length, part, 0, length);
    return new TensorValue(element, part, rest);
  }

  /** Returns the place of an element, an index for each axis. */
  List<Long> place(int index) {
    Long[] place = new Long[shape.length];
    long rest = index;
    for (int axis = shape.length - 1; axis >= 0; axis--) {
      place[axis] = rest % shape[axis];
      rest /= shape[axis];
    }
    return List.of(place);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TensorValue tensor
        && element == tensor.element
        && Arrays.equals(shape, tensor.shape)
        && Arrays.deepEquals(new Object[] {data}, new Object[] {tensor.data});
  }

  @Override
  public int hashCode() {
    return Objects.hash(element, Arrays.hashCode(shape)) + Arrays.deepHashCode(new Object[] {data});
  }

  /** Returns dtype and shape. */
  @Override
  public String toString() {
    return spec().toString();
  }
}
