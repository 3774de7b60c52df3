package io.thecodeforge.ml.embedded;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import javax.imageio.ImageIO;

/** Images of one colour, whose channel means are that colour. */
final class Images {

  private Images() {}

  /** RGB pixels of {@code count} images. */
  static byte[] pixels(Color color, int count, int height, int width) {
    byte[] rgb = new byte[count * height * width * 3];
    for (int i = 0; i < rgb.length; i += 3) {
      rgb[i] = (byte) color.getRed();
      rgb[i + 1] = (byte) color.getGreen();
      rgb[i + 2] = (byte) color.getBlue();
    }
    return rgb;
  }

  /**
   * An image file.
   *
   * @param format {@code png}, {@code jpg} or any other that ImageIO writes
   */
  static byte[] file(String format, Color color, int height, int width) {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(color);
    graphics.fillRect(0, 0, width, height);
    graphics.dispose();
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    try {
      if (!ImageIO.write(image, format, file)) {
        throw new IllegalArgumentException("ImageIO cannot write " + format);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return file.toByteArray();
  }
}
