package io.thecodeforge.ml.contract;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a {@code TensorProto} holds, whichever generated class it comes in: TensorFlow Java has one
 * of its own and the gRPC client another.
 *
 * @param type the dtype's number in TensorFlow's {@code DataType}
 * @param shape the size of each axis; null when not even the rank is known
 * @param content {@code tensor_content}; empty where the values are elsewhere
 * @param numbers the {@code …_val} field of the dtype, true as 1; empty for text
 * @param texts {@code string_val}
 */
public record TensorMessage(
    int type,
    long[] shape,
    ByteBuffer content,
    List<? extends Number> numbers,
    List<byte[]> texts) {

  // No message can hold more (protobuf's own limit), so a shape that claims more is an error.
  private static final long MOST_BYTES = 1L << 31;
  private static final int TEXT_BYTES = 8; // of the reference to an empty one

  /**
   * Returns the tensor. Values beyond the last that the message holds repeat it, and none at all
   * mean zeros, as TensorFlow reads them.
   *
   * @throws IllegalArgumentException when the dtype holds no values, the shape is open, or the
   *     number of values contradicts it
   */
  public TensorValue tensor() {
    Element element = Element.of(DataTypes.name(type));
    int count = count(element);
    if (element == Element.STRING) {
      return TensorValue.of(texts(count), shape);
    }
    if (content.hasRemaining()) {
      return TensorValue.ofContent(element.dtype(), content.slice(), shape);
    }
    return TensorValue.of(element.dtype(), numbers(element, count), shape);
  }

  private int count(Element element) {
    if (shape == null || Arrays.stream(shape).anyMatch(size -> size < 0)) {
      throw new IllegalArgumentException(
          "expected a tensor with a full shape, received "
              + (shape == null ? "none" : Arrays.toString(shape)));
    }
    double count = Arrays.stream(shape).asDoubleStream().reduce(1, (a, b) -> a * b);
    if (count * (element.bytes == 0 ? TEXT_BYTES : element.bytes) >= MOST_BYTES) {
      throw new IllegalArgumentException(
          "expected a tensor of at most 2 GiB, its shape is " + Arrays.toString(shape));
    }
    return (int) count;
  }

  private Object numbers(Element element, int count) {
    int parts = count * element.parts;
    if (numbers.size() > parts) {
      throw new IllegalArgumentException(
          "expected at most %d values, received %d".formatted(parts, numbers.size()));
    }
    Object values = element.zeros(count);
    for (int i = 0; i < parts && !numbers.isEmpty(); i++) {
      boolean isThere = i < numbers.size();
      // The last element repeats: its real part, then its imaginary one.
      int from = isThere ? i : numbers.size() - element.parts + i % element.parts;
      element.set(values, i, value(element, numbers.get(Math.max(0, from))));
    }
    return values;
  }

  /** Half-precision values travel as their bits. */
  private static Number value(Element element, Number stored) {
    return element == Element.FLOAT16 || element == Element.BFLOAT16
        ? element.ofHalf(stored.shortValue())
        : stored;
  }

  private byte[][] texts(int count) {
    List<byte[]> items = content.hasRemaining() ? split(content.slice(), count) : texts;
    if (items.size() > count) {
      throw new IllegalArgumentException(
          "expected at most %d strings, received %d".formatted(count, items.size()));
    }
    byte[][] all = new byte[count][];
    byte[] last = items.isEmpty() ? new byte[0] : items.get(items.size() - 1);
    for (int i = 0; i < count; i++) {
      all[i] = i < items.size() ? items.get(i) : last;
    }
    return all;
  }

  /** Reads TensorFlow's packed string list: so many varint lengths, then all the bytes. */
  private static List<byte[]> split(ByteBuffer content, int count) {
    List<Integer> lengths = new ArrayList<>();
    long sum = 0;
    for (int i = 0; i < count; i++) {
      int length = varint(content, count);
      lengths.add(length);
      sum += length;
    }
    if (sum != content.remaining()) {
      throw new IllegalArgumentException(
          "expected %d bytes of text in tensor_content, received %d"
              .formatted(sum, content.remaining()));
    }
    List<byte[]> items = new ArrayList<>();
    for (int length : lengths) {
      byte[] item = new byte[length];
      content.get(item);
      items.add(item);
    }
    return items;
  }

  private static int varint(ByteBuffer content, int count) {
    long value = 0;
    for (int shift = 0; content.hasRemaining() && shift <= 28; shift += 7) {
      int part = content.get();
      value |= (long) (part & 0x7f) << shift;
      if (part >= 0 && value <= Integer.MAX_VALUE) {
        return (int) value;
      }
    }
    throw new IllegalArgumentException(
        "expected %d string lengths in tensor_content, it is cut".formatted(count));
  }
}
