package io.thecodeforge.ml.contract;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads arrays in NumPy's {@code .npy} format (versions 1 to 3), without pickled ones. */
final class NpyFile {

  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final Pattern HEADER =
      Pattern.compile(
          "\\{'descr': '([^']+)', 'fortran_order': (True|False), 'shape': \\(([\\d, ]*)\\), \\}\\s*");

  /** NumPy's letter and size of what a tensor can hold. */
  private static final Map<String, String> DTYPES =
      Map.ofEntries(
          Map.entry("f2", "float16"),
          Map.entry("f4", "float32"),
          Map.entry("f8", "float64"),
          Map.entry("i1", "int8"),
          Map.entry("i2", "int16"),
          Map.entry("i4", "int32"),
          Map.entry("i8", "int64"),
          Map.entry("u1", "uint8"),
          Map.entry("u2", "uint16"),
          Map.entry("u4", "uint32"),
          Map.entry("u8", "uint64"),
          Map.entry("b1", "bool"),
          Map.entry("c8", "complex64"),
          Map.entry("c16", "complex128"));

  private static final int CHARACTER_BYTES = 4; // NumPy's str is UTF-32

  private NpyFile() {}

  /**
   * Reads one array; NumPy's {@code str} becomes a string tensor of UTF-8.
   *
   * @param file the whole file
   * @throws IllegalArgumentException when it is damaged, or no array that a tensor can hold
   */
  static TensorValue read(byte[] file) {
    ByteBuffer buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    Matcher header = HEADER.matcher(header(buffer));
    if (!header.matches()) {
      throw new IllegalArgumentException("expected an array of one dtype, found another header");
    }
    String descr = header.group(1);
    long[] shape =
        Arrays.stream(header.group(3).split(","))
            .map(String::strip)
            .filter(size -> !size.isEmpty())
            .mapToLong(Long::parseLong)
            .toArray();
    int bytes = itemBytes(descr);
    ByteBuffer content = buffer.slice();
    if (header.group(2).equals("True")) {
      content = rowByRow(content, shape, bytes);
    }
    if (descr.charAt(1) == 'U') {
      return texts(content, shape, bytes);
    }
    String dtype = DTYPES.get(descr.substring(1));
    if (dtype == null || (descr.charAt(0) == '>' && bytes > 1)) {
      throw new IllegalArgumentException(
          "expected little-endian numbers or text, found the dtype " + descr);
    }
    return TensorValue.ofContent(dtype, content, shape);
  }

  private static String header(ByteBuffer buffer) {
    byte[] magic = new byte[MAGIC.length];
    if (buffer.remaining() < MAGIC.length + 6) {
      throw new IllegalArgumentException("expected a .npy file, it is cut");
    }
    buffer.get(magic);
    if (!Arrays.equals(magic, MAGIC)) {
      throw new IllegalArgumentException("expected a .npy file, found another one");
    }
    int version = buffer.getShort() & 0xff;
    int length = version == 1 ? Short.toUnsignedInt(buffer.getShort()) : buffer.getInt();
    if (length < 0 || length > buffer.remaining()) {
      throw new IllegalArgumentException("expected a .npy file, it is cut");
    }
    byte[] header = new byte[length];
    buffer.get(header);
    return new String(header, StandardCharsets.UTF_8);
  }

  private static int itemBytes(String descr) {
    Matcher size = Pattern.compile("[<>|=][a-zA-Z](\\d{1,9})").matcher(descr);
    if (!size.matches()) {
      throw new IllegalArgumentException("expected numbers or text, found the dtype " + descr);
    }
    int number = Integer.parseInt(size.group(1));
    return descr.charAt(1) == 'U' ? Math.multiplyExact(number, CHARACTER_BYTES) : number;
  }

  /** Reorders what is stored column by column. */
  private static ByteBuffer rowByRow(ByteBuffer content, long[] shape, int bytes) {
    int count = Math.toIntExact(Arrays.stream(shape).reduce(1, Math::multiplyExact));
    if (content.remaining() != (long) count * bytes) {
      return content; // whoever reads it says so
    }
    ByteBuffer ordered = ByteBuffer.allocate(content.remaining());
    for (int i = 0; i < count; i++) {
      long rest = i;
      long stride = count;
      long from = 0;
      for (int axis = shape.length - 1; axis >= 0; axis--) {
        stride /= shape[axis];
        from += rest % shape[axis] * stride;
        rest /= shape[axis];
      }
      ordered.put(content.slice(Math.toIntExact(from * bytes), bytes));
    }
    return ordered.flip();
  }

  private static TensorValue texts(ByteBuffer content, long[] shape, int bytes) {
    int count = Math.toIntExact(Arrays.stream(shape).reduce(1, Math::multiplyExact));
    if (content.remaining() != (long) count * bytes) {
      throw new IllegalArgumentException(
          "expected %d bytes of text, received %d"
              .formatted((long) count * bytes, content.remaining()));
    }
    ByteBuffer characters = content.order(ByteOrder.LITTLE_ENDIAN);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      StringBuilder text = new StringBuilder();
      int end = 0; // behind the last that is no padding
      for (int at = 0; at < bytes; at += CHARACTER_BYTES) {
        int character = characters.getInt();
        text.appendCodePoint(character);
        end = character == 0 ? end : text.length();
      }
      texts.add(text.substring(0, end));
    }
    return TensorValue.ofTexts(texts, shape);
  }
}
