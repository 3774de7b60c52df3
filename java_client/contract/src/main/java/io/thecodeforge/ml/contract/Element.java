package io.thecodeforge.ml.contract;

import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The dtypes whose values can be held, each with the Java array that holds them and the bytes that
 * TensorFlow stores an element in.
 */
enum Element {
  FLOAT32(float[].class, 4, 1),
  FLOAT64(double[].class, 8, 1),
  INT32(int[].class, 4, 1),
  UINT8(byte[].class, 1, 1),
  INT16(short[].class, 2, 1),
  INT8(byte[].class, 1, 1),
  INT64(long[].class, 8, 1),
  BOOL(boolean[].class, 1, 1),
  UINT16(short[].class, 2, 1),
  UINT32(int[].class, 4, 1),
  UINT64(long[].class, 8, 1),
  FLOAT16(float[].class, 2, 1),
  BFLOAT16(float[].class, 2, 1),
  COMPLEX64(float[].class, 8, 2),
  COMPLEX128(double[].class, 16, 2),
  STRING(byte[][].class, 0, 1);

  /** Class of the array. */
  final Class<?> array;

  /** Bytes of an element in TensorFlow's memory; 0 where they vary. */
  final int bytes;

  /** Entries of the array that an element takes. */
  final int parts;

  Element(Class<?> array, int bytes, int parts) {
    this.array = array;
    this.bytes = bytes;
    this.parts = parts;
  }

  /**
   * Returns the element of a contract's dtype.
   *
   * @throws IllegalArgumentException when such values cannot be held
   */
  static Element of(String dtype) {
    for (Element element : values()) {
      if (element.dtype().equals(dtype)) {
        return element;
      }
    }
    throw new IllegalArgumentException(
        "expected a tensor of %s, received dtype %s"
            .formatted(
                Arrays.stream(values()).map(Element::dtype).collect(Collectors.joining(", ")),
                dtype));
  }

  /** Returns the name as a contract writes it. */
  String dtype() {
    return name().toLowerCase(Locale.ROOT);
  }

  boolean isComplex() {
    return parts == 2;
  }

  boolean isUnsigned() {
    return this == UINT8 || this == UINT16 || this == UINT32 || this == UINT64;
  }

  boolean isWhole() {
    return isUnsigned() || this == INT8 || this == INT16 || this == INT32 || this == INT64;
  }

  /** Tells whether a value may be infinite or no number. */
  boolean isFloating() {
    return isComplex()
        || switch (this) {
          case FLOAT32, FLOAT64, FLOAT16, BFLOAT16 -> true;
          default -> false;
        };
  }

  /** Returns an array for so many elements; texts are empty. */
  Object zeros(int count) {
    if (this == STRING) {
      byte[][] texts = new byte[count][];
      Arrays.fill(texts, new byte[0]);
      return texts;
    }
    return Array.newInstance(array.getComponentType(), Math.multiplyExact(count, parts));
  }

  /** Reads elements as TensorFlow stores them, from the buffer's position on. */
  Object read(ByteBuffer content, int count) {
    Object into = zeros(count);
    ByteBuffer from = content.slice().order(ByteOrder.LITTLE_ENDIAN);
    switch (this) {
      case FLOAT32, COMPLEX64 -> from.asFloatBuffer().get((float[]) into);
      case FLOAT64, COMPLEX128 -> from.asDoubleBuffer().get((double[]) into);
      case INT32, UINT32 -> from.asIntBuffer().get((int[]) into);
      case INT64, UINT64 -> from.asLongBuffer().get((long[]) into);
      case INT16, UINT16 -> from.asShortBuffer().get((short[]) into);
      case INT8, UINT8 -> from.get((byte[]) into);
      case BOOL -> {
        for (int i = 0; i < count; i++) {
          ((boolean[]) into)[i] = from.get() != 0;
        }
      }
      case FLOAT16, BFLOAT16 -> {
        for (int i = 0; i < count; i++) {
          ((float[]) into)[i] = ofHalf(from.getShort());
        }
      }
      case STRING -> throw new IllegalStateException("text has no elements of one size");
    }
    return into;
  }

  /** Writes elements as TensorFlow stores them. */
  ByteBuffer write(Object values, int count) {
    ByteBuffer content =
        ByteBuffer.allocate(Math.multiplyExact(count, bytes)).order(ByteOrder.LITTLE_ENDIAN);
    switch (this) {
      case FLOAT32, COMPLEX64 -> content.asFloatBuffer().put((float[]) values);
      case FLOAT64, COMPLEX128 -> content.asDoubleBuffer().put((double[]) values);
      case INT32, UINT32 -> content.asIntBuffer().put((int[]) values);
      case INT64, UINT64 -> content.asLongBuffer().put((long[]) values);
      case INT16, UINT16 -> content.asShortBuffer().put((short[]) values);
      case INT8, UINT8 -> content.duplicate().put((byte[]) values);
      case BOOL -> {
        for (int i = 0; i < count; i++) {
          content.put(i, (byte) (((boolean[]) values)[i] ? 1 : 0));
        }
      }
      case FLOAT16, BFLOAT16 -> {
        for (int i = 0; i < count; i++) {
          content.putShort(2 * i, toHalf(((float[]) values)[i]));
        }
      }
      case STRING -> throw new IllegalStateException("text has no elements of one size");
    }
    return content;
  }

  /** Reads the 16 bits of a half-precision value. */
  float ofHalf(short bits) {
    return this == BFLOAT16 ? Halves.ofBfloat16(bits) : Halves.ofFloat16(bits);
  }

  private short toHalf(float value) {
    return this == BFLOAT16 ? Halves.toBfloat16(value) : Halves.toFloat16(value);
  }

  /** Returns an entry of the array as a number: true is 1, unsigned values are not negative. */
  double number(Object values, int index) {
    return switch (this) {
      case FLOAT32, FLOAT16, BFLOAT16, COMPLEX64 -> ((float[]) values)[index];
      case FLOAT64, COMPLEX128 -> ((double[]) values)[index];
      case BOOL -> ((boolean[]) values)[index] ? 1 : 0;
      case UINT64 -> unsigned(((long[]) values)[index]);
      case STRING -> throw new IllegalStateException("text has no numbers");
      default -> whole(values, index);
    };
  }

  /** Returns an entry of an array of whole numbers; the bits of a uint64. */
  long whole(Object values, int index) {
    return switch (this) {
      case INT32 -> ((int[]) values)[index];
      case UINT32 -> Integer.toUnsignedLong(((int[]) values)[index]);
      case INT64, UINT64 -> ((long[]) values)[index];
      case INT16 -> ((short[]) values)[index];
      case UINT16 -> Short.toUnsignedInt(((short[]) values)[index]);
      case INT8 -> ((byte[]) values)[index];
      case UINT8 -> Byte.toUnsignedInt(((byte[]) values)[index]);
      default -> throw new IllegalStateException(dtype() + " has no whole numbers");
    };
  }

  /** Sets an entry of an array of numbers, whole ones exactly. */
  void set(Object values, int index, Number value) {
    switch (this) {
      case FLOAT32, FLOAT16, BFLOAT16, COMPLEX64 -> ((float[]) values)[index] = value.floatValue();
      case FLOAT64, COMPLEX128 -> ((double[]) values)[index] = value.doubleValue();
      case INT32, UINT32 -> ((int[]) values)[index] = value.intValue();
      case INT64, UINT64 -> ((long[]) values)[index] = value.longValue();
      case INT16, UINT16 -> ((short[]) values)[index] = value.shortValue();
      case INT8, UINT8 -> ((byte[]) values)[index] = value.byteValue();
      case BOOL -> ((boolean[]) values)[index] = value.longValue() != 0;
      case STRING -> throw new IllegalStateException("text has no numbers");
    }
  }

  private static double unsigned(long bits) {
    return bits >= 0 ? bits : ((bits >>> 1) | (bits & 1)) * 2.0;
  }
}
