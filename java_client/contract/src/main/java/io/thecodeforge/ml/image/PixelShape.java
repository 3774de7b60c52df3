package io.thecodeforge.ml.image;

import io.thecodeforge.ml.InvalidImageException;
import java.util.Arrays;

/**
 * The shape of decoded photographs: [count, height, width, 3].
 *
 * @param count images in the batch, at least 1
 * @param height rows, at least 1
 * @param width columns, at least 1
 */
public record PixelShape(int count, int height, int width) {

  private static final int CHANNELS = 3;

  /** Refuses sizes below 1. */
  public PixelShape {
    if (count < 1 || height < 1 || width < 1) {
      throw new InvalidImageException(
          "expected uint8 [batch, height, width, 3] with every size at least 1, received"
              + " [%d, %d, %d, 3]".formatted(count, height, width));
    }
  }

  /**
   * Reads a tensor's shape.
   *
   * @param shape its sizes
   * @throws InvalidImageException when it is not that of RGB images
   */
  public static PixelShape of(long... shape) {
    if (shape.length != 4 || shape[3] != CHANNELS) {
      throw new InvalidImageException(
          "expected uint8 [batch, height, width, 3], received uint8 " + Arrays.toString(shape));
    }
    return new PixelShape(
        Math.toIntExact(shape[0]), Math.toIntExact(shape[1]), Math.toIntExact(shape[2]));
  }

  /**
   * Refuses a buffer of another size than this shape's.
   *
   * @param rgb the pixels of all images
   * @throws InvalidImageException when {@code rgb} is too short or too long
   */
  public void check(byte[] rgb) {
    if (rgb.length != length()) {
      throw new InvalidImageException(
          "expected %d bytes for %d RGB images of %d rows and %d columns, received %d"
              .formatted(length(), count, height, width, rgb.length));
    }
  }

  /**
   * Refuses a place in a buffer that does not hold this shape's pixels.
   *
   * @param rgb the buffer
   * @param offset where the pixels begin
   * @throws InvalidImageException when they would begin before it or end behind it
   */
  void checkRange(byte[] rgb, int offset) {
    if (offset < 0 || offset + length() > rgb.length) {
      throw new InvalidImageException(
          "expected %d bytes from byte %d on for %d RGB images of %d rows and %d columns, received"
                  .formatted(length(), offset, count, height, width)
              + " %d bytes in all".formatted(rgb.length));
    }
  }

  /** Returns how many bytes pixels of this shape are. */
  public long length() {
    return (long) count * height * width * CHANNELS;
  }

  /** Returns the sizes from the outermost axis to the innermost. */
  public long[] sizes() {
    return new long[] {count, height, width, CHANNELS};
  }
}
