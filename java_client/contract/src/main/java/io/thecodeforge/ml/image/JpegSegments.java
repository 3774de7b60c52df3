package io.thecodeforge.ml.image;

import java.util.Arrays;

/** The segments of a JPEG file before its image data (ITU-T T.81, B.1.1), one after the other. */
final class JpegSegments {

  static final int APP0 = 0xE0;
  static final int APP1 = 0xE1;
  static final int APP14 = 0xEE;

  private static final int FILL = 0xFF;
  private static final int TEM = 0x01;
  private static final int RST0 = 0xD0;
  private static final int RST7 = 0xD7;
  private static final int SOI = 0xD8;
  private static final int EOI = 0xD9;
  private static final int SOS = 0xDA;

  private final byte[] file;
  private int next = 2; // behind SOI
  private int position;
  private int marker;
  private int end;

  JpegSegments(byte[] file) {
    this.file = file;
  }

  /** Goes to the next segment that has a length; false at the image data or at anything else. */
  boolean next() {
    while (next + 4 <= file.length && (file[next] & 0xFF) == FILL) {
      int code = file[next + 1] & 0xFF;
      if (code == SOS || code == EOI) {
        return false;
      }
      if (code == FILL) {
        next++;
      } else if (isAlone(code)) {
        next += 2;
      } else {
        position = next;
        marker = code;
        end = next + 2 + short16(next + 2);
        next = Math.max(end, next + 2);
        return true;
      }
    }
    return false;
  }

  private static boolean isAlone(int code) {
    return code == TEM || (code >= RST0 && code <= SOI);
  }

  /** Returns where the segment's marker is in the file. */
  int position() {
    return position;
  }

  int marker() {
    return marker;
  }

  /** Tells whether the segment begins a frame: it has the size and the components. */
  boolean isFrame() {
    // C4, C8 and CC are tables and a reserved marker among the sixteen.
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
  }

  boolean startsWith(byte[] name) {
    byte[] content = content();
    return content.length >= name.length
        && Arrays.equals(content, 0, name.length, name, 0, name.length);
  }

  /** Returns what follows the segment's length, as much as the file has of it. */
  byte[] content() {
    int start = position + 4;
    return Arrays.copyOfRange(file, start, Math.max(start, Math.min(end, file.length)));
  }

  private int short16(int at) {
    return (file[at] & 0xFF) << 8 | file[at + 1] & 0xFF;
  }

  /**
   * Tells whether a file has its end marker behind image data. Entropy-coded data never holds it:
   * there a zero follows each byte 0xFF (T.81, B.1.1.5).
   */
  static boolean isWhole(byte[] file) {
    int at = 2;
    while (at + 1 < file.length) {
      int code = file[at + 1] & 0xFF;
      if ((file[at] & 0xFF) != FILL || code == 0) {
        at++;
      } else if (code == FILL) {
        at++;
      } else if (code == EOI) {
        return true;
      } else if (isAlone(code)) {
        at += 2;
      } else if (at + 4 > file.length) {
        return false;
      } else {
        at += 2 + ((file[at + 2] & 0xFF) << 8 | file[at + 3] & 0xFF);
      }
    }
    return false;
  }
}
