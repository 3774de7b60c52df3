package io.thecodeforge.ml.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;

/** Whether a PNG file is whole: the JDK's reader looks neither at its checksums nor for its end. */
final class PngChunks {

  /** Where the first chunk, which is always IHDR, has the sizes. */
  static final int WIDTH = 16;

  static final int HEIGHT = 20;

  private static final int IHDR = 0x49484452;
  private static final int IEND = 0x49454E44;
  private static final int CRITICAL = 0x20000000; // not set in names that begin with a capital

  private PngChunks() {}

  /**
   * Refuses a file that lacks its end or whose critical chunks are damaged.
   *
   * @throws IOException with what is wrong
   */
  static void check(byte[] file) throws IOException {
    ByteBuffer chunks = ByteBuffer.wrap(file).position(8);
    boolean isFirst = true;
    while (chunks.remaining() >= 12) {
      int length = chunks.getInt();
      int start = chunks.position();
      int name = chunks.getInt();
      if (length < 0 || length > chunks.remaining() - 4) {
        throw new IOException("a chunk ends behind the file");
      }
      if (isFirst && (name != IHDR || length < 13)) {
        throw new IOException("it does not begin with its header");
      }
      isFirst = false;
      chunks.position(start + 4 + length);
      int stated = chunks.getInt();
      if ((name & CRITICAL) == 0) {
        CRC32 sum = new CRC32();
        sum.update(file, start, 4 + length);
        if ((int) sum.getValue() != stated) {
          throw new IOException("a checksum differs");
        }
      }
      if (name == IEND) {
        return;
      }
    }
    throw new IOException("its end is missing");
  }
}
