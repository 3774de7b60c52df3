package io.thecodeforge.ml.image;

import io.thecodeforge.ml.InvalidImageException;
import java.awt.image.Raster;
import java.nio.charset.StandardCharsets;

/**
 * What the samples of a JPEG file are, and their conversion to RGB as libjpeg does it.
 *
 * <p>The JDK's reader would apply an embedded colour profile, and refuses CMYK; TensorFlow does
 * neither. So its samples are taken unconverted.
 *
 * @param height rows, as stored
 * @param width columns, as stored
 * @param space how the components make a colour
 * @param isAdobe whether a program of Adobe's wrote it, whose CMYK is inverted
 */
record JpegColours(int height, int width, Space space, boolean isAdobe) {

  /** How the components of a pixel make a colour. */
  enum Space {
    GREY,
    RGB,
    YCC,
    CMYK,
    YCCK
  }

  private static final byte[] ADOBE = "Adobe".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] JFIF = "JFIF\0".getBytes(StandardCharsets.US_ASCII);
  private static final int FRACTION_BITS = 16;
  private static final int HALF = 1 << (FRACTION_BITS - 1);

  /**
   * Reads the header of a file.
   *
   * @throws InvalidImageException when it has no frame, or one of a kind that nobody decodes
   */
  static JpegColours of(byte[] file) {
    boolean hasJfif = false;
    int transform = -1; // no Adobe segment
    JpegSegments segments = new JpegSegments(file);
    while (segments.next()) {
      byte[] content = segments.content();
      if (segments.marker() == JpegSegments.APP0 && segments.startsWith(JFIF)) {
        hasJfif = true;
      } else if (segments.marker() == JpegSegments.APP14
          && segments.startsWith(ADOBE)
          && content.length >= 12) {
        transform = content[11] & 0xFF;
      } else if (segments.isFrame() && content.length >= 6) {
        return of(content, hasJfif, transform);
      }
    }
    throw new InvalidImageException("the JPEG file is broken: it has no frame");
  }

  private static JpegColours of(byte[] frame, boolean hasJfif, int transform) {
    int height = (frame[1] & 0xFF) << 8 | frame[2] & 0xFF;
    int width = (frame[3] & 0xFF) << 8 | frame[4] & 0xFF;
    int components = frame[5] & 0xFF;
    Space space =
        switch (components) {
          case 1 -> Space.GREY;
          case 3 -> ofThree(frame, hasJfif, transform);
          case 4 -> transform == 2 ? Space.YCCK : Space.CMYK;
          default ->
              throw new InvalidImageException(
                  "the JPEG file is broken: it has %d components".formatted(components));
        };
    return new JpegColours(height, width, space, transform >= 0);
  }

  /** Tells YCbCr from RGB by libjpeg's rule (default_decompress_parms). */
  private static Space ofThree(byte[] frame, boolean hasJfif, int transform) {
    if (hasJfif) {
      return Space.YCC;
    }
    if (transform >= 0) {
      return transform == 0 ? Space.RGB : Space.YCC;
    }
    boolean isNamed = frame.length >= 15 && frame[6] == 'R' && frame[9] == 'G' && frame[12] == 'B';
    return isNamed ? Space.RGB : Space.YCC;
  }

  /** Returns RGB pixels of unconverted samples. */
  ImageInput.Pixels rgb(Raster samples) {
    int bands = samples.getNumBands();
    int[] row = new int[samples.getWidth() * bands];
    byte[] rgb = new byte[3 * samples.getWidth() * samples.getHeight()];
    int next = 0;
    for (int y = 0; y < samples.getHeight(); y++) {
      samples.getPixels(0, y, samples.getWidth(), 1, row);
      for (int at = 0; at < row.length; at += bands) {
        convert(row, at);
        int last = bands == 1 ? 0 : 2;
        rgb[next++] = (byte) row[at];
        rgb[next++] = (byte) row[at + Math.min(1, last)];
        rgb[next++] = (byte) row[at + last];
      }
    }
    return new ImageInput.Pixels(rgb, 0, samples.getHeight(), samples.getWidth());
  }

  /** Converts one pixel in its place. */
  private void convert(int[] row, int at) {
    if (space == Space.YCC || space == Space.YCCK) {
      int luma = row[at];
      int blue = row[at + 1] - 128;
      int red = row[at + 2] - 128;
      row[at] = clamped(luma + (91881 * red + HALF >> FRACTION_BITS));
      row[at + 1] = clamped(luma + (-22554 * blue - 46802 * red + HALF >> FRACTION_BITS));
      row[at + 2] = clamped(luma + (116130 * blue + HALF >> FRACTION_BITS));
    }
    if (space == Space.CMYK || space == Space.YCCK) {
      int black = row[at + 3];
      for (int i = at; i < at + 3; i++) {
        int ink = space == Space.YCCK ? 255 - row[i] : row[i];
        row[i] = isAdobe ? black * ink / 255 : (255 - black) * (255 - ink) / 255;
      }
    }
  }

  private static int clamped(int level) {
    return Math.max(0, Math.min(255, level));
  }
}
