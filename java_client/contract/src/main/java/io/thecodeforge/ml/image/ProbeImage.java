package io.thecodeforge.ml.image;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;

/**
 * The small picture that a freshly loaded version must be able to answer.
 *
 * <p>Written by hand, so that loading a model needs neither a file nor the desktop module.
 */
public final class ProbeImage {

  /** Rows and columns. */
  public static final int SIDE = 32;

  private ProbeImage() {}

  /** Returns RGB pixels of a colour gradient, shape [SIDE, SIDE, 3]. */
  public static byte[] pixels() {
    byte[] rgb = new byte[SIDE * SIDE * 3];
    int next = 0;
    for (int row = 0; row < SIDE; row++) {
      for (int column = 0; column < SIDE; column++) {
        rgb[next++] = (byte) (row * 255 / (SIDE - 1));
        rgb[next++] = (byte) (column * 255 / (SIDE - 1));
        rgb[next++] = (byte) 128;
      }
    }
    return rgb;
  }

  /** Returns the same picture as a PNG file: signature, IHDR, one IDAT, IEND. */
  public static byte[] png() {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(file)) {
      out.writeLong(0x89504e470d0a1a0aL);
      ByteArrayOutputStream header = new ByteArrayOutputStream();
      try (DataOutputStream fields = new DataOutputStream(header)) {
        fields.writeInt(SIDE);
        fields.writeInt(SIDE);
        // 8 bits a sample, RGB, and the only methods of compression, filter and interlace.
        fields.write(new byte[] {8, 2, 0, 0, 0});
      }
      writeChunk(out, "IHDR", header.toByteArray());
      ByteArrayOutputStream data = new ByteArrayOutputStream();
      try (DeflaterOutputStream rows = new DeflaterOutputStream(data)) {
        byte[] rgb = pixels();
        for (int row = 0; row < SIDE; row++) {
          rows.write(0); // no filter
          rows.write(rgb, row * SIDE * 3, SIDE * 3);
        }
      }
      writeChunk(out, "IDAT", data.toByteArray());
      writeChunk(out, "IEND", new byte[0]);
    } catch (IOException e) {
      throw new UncheckedIOException("a stream in memory failed", e);
    }
    return file.toByteArray();
  }

  private static void writeChunk(DataOutputStream out, String type, byte[] data)
      throws IOException {
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    CRC32 crc = new CRC32();
    crc.update(name);
    crc.update(data);
    out.writeInt(data.length);
    out.write(name);
    out.write(data);
    out.writeInt((int) crc.getValue());
  }
}
