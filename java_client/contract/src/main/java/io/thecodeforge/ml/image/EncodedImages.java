package io.thecodeforge.ml.image;

import io.thecodeforge.ml.InvalidImageException;
import java.util.HexFormat;

/** What can be said about encoded images before anything decodes them. */
public final class EncodedImages {

  private static final byte[] JPEG_START = HexFormat.of().parseHex("ffd8ff");
  private static final byte[] PNG_START = HexFormat.of().parseHex("89504e470d0a1a0a");

  private EncodedImages() {}

  /**
   * Refuses a file that no graph could decode.
   *
   * @param image what should be a whole JPEG or PNG file
   * @param position its place among the images of the call, from 0
   * @param count how many images the call has
   * @throws InvalidImageException when it is neither; the message says which it is
   */
  static void check(ImageInput.Encoded image, int position, int count) {
    byte[] file = image.file();
    if (!startsWith(file, JPEG_START) && !startsWith(file, PNG_START)) {
      throw new InvalidImageException(
          position,
          "%s: expected a whole JPEG or PNG file, received %s"
              .formatted(place(image.name(), position, count), describe(file)),
          null);
    }
  }

  /** Tells whether a file begins as a JPEG does. */
  static boolean isJpeg(byte[] file) {
    return startsWith(file, JPEG_START);
  }

  /** Tells whether a file begins as a PNG does. */
  static boolean isPng(byte[] file) {
    return startsWith(file, PNG_START);
  }

  /** Returns what messages call an image of a call. */
  static String place(String name, int position, int count) {
    String place = "image %d of %d".formatted(position, count);
    return name.isEmpty() ? place : "%s (%s)".formatted(place, name);
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

  /** Says what a file is that is neither. */
  static String describe(byte[] image) {
    if (image.length == 0) {
      return "no bytes at all";
    }
    String start = HexFormat.ofDelimiter(" ").formatHex(image, 0, Math.min(image.length, 8));
    return "%d bytes that start with %s".formatted(image.length, start);
  }
}
