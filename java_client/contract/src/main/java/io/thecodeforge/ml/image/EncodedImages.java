package io.thecodeforge.ml.image;

import io.thecodeforge.ml.InvalidImageException;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/** What can be said about encoded images before anything decodes them. */
public final class EncodedImages {

  private static final byte[] JPEG_START = HexFormat.of().parseHex("ffd8ff");
  private static final byte[] PNG_START = HexFormat.of().parseHex("89504e470d0a1a0a");

  private EncodedImages() {}

  /**
   * Refuses a batch that no graph could decode.
   *
   * @param images whole JPEG or PNG files
   * @throws InvalidImageException when the batch is empty, or an image is neither JPEG nor PNG; the
   *     message says which
   */
  public static void check(List<byte[]> images) {
    if (images.isEmpty()) {
      throw new InvalidImageException("expected at least one image, received an empty batch");
    }
    for (int position = 0; position < images.size(); position++) {
      byte[] image = Objects.requireNonNull(images.get(position), "image " + position);
      if (!startsWith(image, JPEG_START) && !startsWith(image, PNG_START)) {
        throw new InvalidImageException(
            "image %d of %d: expected a whole JPEG or PNG file, received %s"
                .formatted(position, images.size(), describe(image)));
      }
    }
  }

  private static boolean startsWith(byte[] image, byte[] start) {
    if (image.length < start.length) {
      return false;
    }
    for (int i = 0; i < start.length; i++) {
      if (image[i] != start[i]) {
        return false;
      }
    }
    return true;
  }

  private static String describe(byte[] image) {
    if (image.length == 0) {
      return "no bytes at all";
    }
    String start = HexFormat.ofDelimiter(" ").formatHex(image, 0, Math.min(image.length, 8));
    return "%d bytes that start with %s".formatted(image.length, start);
  }
}
