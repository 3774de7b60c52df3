package io.thecodeforge.ml.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tensors as Java values: what holds them, their bytes, and what messages they are read from. */
class TensorValueTest {

  private static final ByteBuffer NONE = ByteBuffer.allocate(0);

  private static void assertRefused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void valuesFillTheirShapeInTheArrayOfTheirDtype() {
    assertRefused(
        "expected 4 values for the shape [2, 2], received 3",
        () -> TensorValue.of(new double[3], 2, 2));
    assertRefused(
        "expected a long[] for int64, received a int[]",
        () -> TensorValue.of("int64", new int[1], 1));
    assertRefused(
        "expected a size of at least 0 on each axis, received [-1]",
        () -> TensorValue.of(new float[1], -1));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> TensorValue.of("qint8", new byte[1], 1))
            .getMessage()
            .endsWith("complex64, complex128, string, received dtype qint8"));
    assertEquals("float32 []", TensorValue.of(new float[1]).toString());
    assertEquals(
        TensorValue.ofTexts(List.of("a", "b"), 2), TensorValue.of(new byte[][] {{'a'}, {'b'}}, 2));
  }

  @Test
  void anotherArrayThanTheDtypesIsRefused() {
    TensorValue tensor = TensorValue.of(new int[] {1, 2}, 2);
    assertArrayEquals(new int[] {1, 2}, tensor.ints());
    assertEquals(
        "the elements of int32 [2] are a int[], not a float[]",
        assertThrows(IllegalStateException.class, tensor::floats).getMessage());
  }

  @Test
  void unsignedValuesAreNotNegative() {
    assertEquals(255, TensorValue.of(new byte[] {-1}).number(0));
    assertEquals(65535, TensorValue.of("uint16", new short[] {-1}).number(0));
    assertEquals(4294967295.0, TensorValue.of("uint32", new int[] {-1}).number(0));
    assertEquals(0x1p64, TensorValue.of("uint64", new long[] {-1}).number(0));
    assertEquals(-1, TensorValue.of("int8", new byte[] {-1}).number(0));
  }

  @Test
  void contentIsLittleEndianAndReadsAgain() {
    for (TensorValue tensor :
        List.of(
            TensorValue.of(new int[] {1, -2}, 2),
            TensorValue.of("uint16", new short[] {1, -2}, 2, 1),
            TensorValue.of(new long[] {Long.MIN_VALUE}, 1),
            TensorValue.of(new boolean[] {true, false}, 2),
            TensorValue.of("float16", new float[] {0.5f, -2}, 2),
            TensorValue.of("complex64", new float[] {1, -2}),
            TensorValue.of(new double[0], 0, 3))) {
      assertEquals(tensor, TensorValue.ofContent(tensor.dtype(), tensor.content(), tensor.shape()));
    }
    assertEquals(1, TensorValue.of(new int[] {1}).content().get(0));
    assertRefused(
        "expected 8 bytes for float32 [2], received 4",
        () -> TensorValue.ofContent("float32", ByteBuffer.allocate(4), 2));
  }

  @Test
  void everyHalfIsReadAndWritten() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float half = Halves.ofFloat16((short) bits);
      float brain = Halves.ofBfloat16((short) bits);
      if (!Float.isNaN(half)) {
        assertEquals((short) bits, Halves.toFloat16(half));
      }
      if (!Float.isNaN(brain)) {
        assertEquals((short) bits, Halves.toBfloat16(brain));
      }
    }
    assertTrue(Float.isNaN(Halves.ofFloat16(Halves.toFloat16(Float.NaN))));
    assertTrue(Float.isNaN(Halves.ofBfloat16(Halves.toBfloat16(Float.NaN))));
  }

  @ParameterizedTest
  @CsvSource({
    "1.00048828125, 1.0", // half a step above: to the even one
    "1.00146484375, 1.001953125",
    "65519.9, 65504",
    "65520, Infinity",
    "1e-8, 0",
    "3e-8, 5.9604645E-8",
  })
  void halvesAreRoundedToTheNearest(float value, float half) {
    assertEquals(half, Halves.ofFloat16(Halves.toFloat16(value)));
  }

  private static TensorMessage message(int type, List<? extends Number> numbers, long... shape) {
    return new TensorMessage(type, shape, NONE, numbers, List.of());
  }

  @Test
  void theLastValueOfAMessageRepeats() {
    assertEquals(
        TensorValue.of(new float[] {1, 2, 2, 2}, 4), message(1, List.of(1f, 2f), 4).tensor());
    assertEquals(TensorValue.of(new long[3], 3), message(9, List.of(), 3).tensor());
    assertEquals(
        TensorValue.of("complex64", new float[] {1, 2, 3, 4, 3, 4}, 3),
        message(8, List.of(1f, 2f, 3f, 4f), 3).tensor());
    assertEquals(
        TensorValue.of("float16", new float[] {1, 1}, 2), message(19, List.of(0x3c00), 2).tensor());
    assertEquals(
        TensorValue.ofTexts(List.of("a", "a"), 2),
        new TensorMessage(7, new long[] {2}, NONE, List.of(), List.of(new byte[] {'a'})).tensor());
  }

  @Test
  void packedTextsAreRead() {
    ByteBuffer packed = ByteBuffer.wrap(new byte[] {1, 0, 2, 'a', 'b', 'c'});
    TensorMessage message = new TensorMessage(7, new long[] {3}, packed, List.of(), List.of());
    assertEquals(List.of("a", "", "bc"), message.tensor().texts());
    ByteBuffer cut = ByteBuffer.wrap(new byte[] {1, (byte) 0x80});
    assertRefused(
        "expected 3 string lengths in tensor_content, it is cut",
        () -> new TensorMessage(7, new long[] {3}, cut, List.of(), List.of()).tensor());
  }

  @Test
  void aMessageThatContradictsItselfIsRefused() {
    assertRefused(
        "expected at most 1 values, received 2", () -> message(1, List.of(1, 2), 1).tensor());
    assertRefused(
        "expected a tensor with a full shape, received [-1]",
        () -> message(1, List.of(), -1).tensor());
    assertRefused(
        "expected a tensor of at most 2 GiB, its shape is [1099511627776, 1099511627776]",
        () -> message(1, List.of(), 1L << 40, 1L << 40).tensor());
  }

  @Test
  void defaultsBecomeTensorsAndTensorsDefaults() {
    for (TensorValue tensor :
        List.of(
            TensorValue.of(new float[] {1.5f, Float.NaN, Float.NEGATIVE_INFINITY}, 3),
            TensorValue.of(new long[] {Long.MAX_VALUE, -1}, 2, 1),
            TensorValue.of("uint64", new long[] {-1}),
            TensorValue.of(new boolean[] {true, false}, 2),
            TensorValue.of("complex128", new double[] {1, -2}, 1),
            TensorValue.of(new byte[][] {{'a'}, {-1}}, 2))) {
      assertEquals(tensor, DefaultValue.of(tensor).tensor(tensor.dtype()));
    }
    assertEquals(
        "the default [\"a\", {\"b64\": \"/w==\"}]",
        DefaultValue.of(TensorValue.of(new byte[][] {{'a'}, {-1}}, 2)).toString());
    assertRefused(
        "expected rows of one length, received the default [[1], [2, 3]]",
        () -> new DefaultValue(List.of(List.of(1L), List.of(2L, 3L))).tensor("int32"));
    assertRefused(
        "expected numbers, received the default \"a\"",
        () -> new DefaultValue("a").tensor("int32"));
  }
}
