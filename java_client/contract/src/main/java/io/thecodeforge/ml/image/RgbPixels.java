package io.thecodeforge.ml.image;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.Raster;

/**
 * Java's images as RGB pixels, sample by sample as TensorFlow's {@code decode_image(channels=3)}
 * gives them: grey is repeated, of 16 bits the upper 8 are kept, alpha is left out.
 *
 * <p>{@link BufferedImage#getRGB} would do otherwise: it brightens grey, which Java takes to be
 * linear light, and rounds 16 bits.
 */
final class RgbPixels {

  private static final int CHANNELS = 3;

  private RgbPixels() {}

  /** Copies the pixels of an upright image. */
  static ImageInput.Pixels of(BufferedImage image) {
    int height = image.getHeight();
    int width = image.getWidth();
    byte[] rgb = new byte[Math.toIntExact(new PixelShape(1, height, width).length())];
    if (hasPlainSamples(image.getColorModel())) {
      copySamples(image, rgb);
    } else {
      convert(image, rgb);
    }
    return new ImageInput.Pixels(rgb, 0, height, width);
  }

  /** Tells whether the samples are grey or sRGB values themselves, whole bytes or pairs of them. */
  private static boolean hasPlainSamples(ColorModel model) {
    boolean isKnown =
        model.getColorSpace().getType() == ColorSpace.TYPE_GRAY
            || model.getColorSpace().isCS_sRGB();
    return model instanceof ComponentColorModel
        && isKnown
        && !(model.hasAlpha() && model.isAlphaPremultiplied())
        && (model.getComponentSize(0) == 8 || model.getComponentSize(0) == 16);
  }

  private static void copySamples(BufferedImage image, byte[] rgb) {
    Raster raster = image.getRaster();
    int bands = raster.getNumBands();
    int colours = bands < CHANNELS ? 1 : CHANNELS;
    int shift = image.getColorModel().getComponentSize(0) - 8;
    int[] row = new int[raster.getWidth() * bands];
    int next = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, raster.getWidth(), 1, row);
      for (int start = 0; start < row.length; start += bands) {
        for (int channel = 0; channel < CHANNELS; channel++) {
          rgb[next++] = (byte) (row[start + (colours == 1 ? 0 : channel)] >> shift);
        }
      }
    }
  }

  private static void convert(BufferedImage image, byte[] rgb) {
    int width = image.getWidth();
    int[] row = new int[width];
    int next = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      image.getRGB(0, y, width, 1, row, 0, width);
      for (int pixel : row) {
        rgb[next++] = (byte) (pixel >> 16);
        rgb[next++] = (byte) (pixel >> 8);
        rgb[next++] = (byte) pixel;
      }
    }
  }
}
