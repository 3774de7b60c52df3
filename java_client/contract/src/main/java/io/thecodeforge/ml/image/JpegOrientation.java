package io.thecodeforge.ml.image;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * How a JPEG file says which way up its picture is: the EXIF orientation.
 *
 * <p>What counts is the first entry 0x0112 of the first IFD of the first EXIF segment, one SHORT or
 * LONG of 1 to 8, in a segment that begins in the first 128 KiB, before the image data. Anything
 * else leaves the picture as it is stored: a note never refuses a picture whose pixels are whole.
 * The served graph and Python read by the same rule.
 *
 * <p>The layout of the file is that of ITU-T T.81 (B.1.1), the note's that of CIPA DC-008 (Exif
 * 2.32, 4.5 and 4.6.4).
 */
final class JpegOrientation {

  /** The orientation of a picture that is stored as it is to be seen. */
  static final int UPRIGHT = 1;

  private static final int SEARCHED_BYTES = 1 << 17;
  private static final byte[] NAME = "Exif\0\0".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] LITTLE = {'I', 'I', 42, 0};
  private static final byte[] BIG = {'M', 'M', 0, 42};
  private static final int TAG = 0x0112;
  private static final int ENTRY_BYTES = 12;
  private static final int SHORT = 3;
  private static final int LONG = 4;

  private JpegOrientation() {}

  /**
   * Returns the orientation that a JPEG file notes, 1 to 8 as Exif numbers them; 1 where it notes
   * none.
   */
  static int of(byte[] file) {
    JpegSegments segments = new JpegSegments(file);
    while (segments.next()) {
      if (segments.position() >= SEARCHED_BYTES) {
        break;
      }
      if (segments.marker() == JpegSegments.APP1 && segments.startsWith(NAME)) {
        byte[] content = segments.content();
        return ofTiff(ByteBuffer.wrap(content, NAME.length, content.length - NAME.length).slice());
      }
    }
    return UPRIGHT;
  }

  private static int ofTiff(ByteBuffer tiff) {
    byte[] start = new byte[Math.min(LITTLE.length, tiff.remaining())];
    tiff.get(0, start);
    if (Arrays.equals(start, LITTLE)) {
      tiff.order(ByteOrder.LITTLE_ENDIAN);
    } else if (!Arrays.equals(start, BIG)) {
      return UPRIGHT;
    }
    try {
      return ofDirectory(tiff, tiff.getInt(4) & 0xFFFFFFFFL);
    } catch (IndexOutOfBoundsException | BufferUnderflowException e) {
      return UPRIGHT; // cut off: there is no such note
    }
  }

  private static int ofDirectory(ByteBuffer tiff, long start) {
    if (start + 2 > tiff.limit()) {
      return UPRIGHT;
    }
    int entries = tiff.getShort((int) start) & 0xFFFF;
    for (int i = 0; i < entries; i++) {
      long at = start + 2 + (long) i * ENTRY_BYTES;
      if (at + ENTRY_BYTES > tiff.limit()) {
        return UPRIGHT;
      }
      if ((tiff.getShort((int) at) & 0xFFFF) == TAG) {
        return ofEntry(tiff, (int) at);
      }
    }
    return UPRIGHT;
  }

  private static int ofEntry(ByteBuffer tiff, int at) {
    int value =
        switch (tiff.getShort(at + 2)) {
          case SHORT -> tiff.getShort(at + 8) & 0xFFFF;
          case LONG -> tiff.getInt(at + 8);
          default -> UPRIGHT;
        };
    boolean isOne = tiff.getInt(at + 4) == 1;
    return isOne && value >= 1 && value <= 8 ? value : UPRIGHT;
  }

  /**
   * Returns a stored picture as it is to be seen.
   *
   * @param stored RGB pixels as the file has them; for an upright one they are returned themselves
   * @param orientation 1 to 8
   */
  static ImageInput.Pixels turnUpright(ImageInput.Pixels stored, int orientation) {
    if (orientation == UPRIGHT) {
      return stored;
    }
    boolean isLying = orientation >= 5; // rows and columns change places
    boolean isUpsideDown =
        orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    boolean isMirrored =
        orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    int height = isLying ? stored.width() : stored.height();
    int width = isLying ? stored.height() : stored.width();
    byte[] from = stored.rgb();
    byte[] to = new byte[stored.length()];
    int next = 0;
    for (int y = 0; y < height; y++) {
      int row = isUpsideDown ? height - 1 - y : y;
      for (int x = 0; x < width; x++) {
        int column = isMirrored ? width - 1 - x : x;
        int place = isLying ? column * stored.width() + row : row * stored.width() + column;
        System.arraycopy(from, stored.offset() + 3 * place, to, next, 3);
        next += 3;
      }
    }
    return new ImageInput.Pixels(to, 0, height, width);
  }
}
