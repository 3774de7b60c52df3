package io.thecodeforge.ml.image;

import io.thecodeforge.ml.InvalidImageException;
import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Image files to upright RGB pixels, as the served graph decodes them: for callers of the pixel
 * signature, and for everything that shows what a model sees.
 *
 * <p>The readers are those of the JDK, whose conversions of colours are not used. A PNG file comes
 * out byte for byte as TensorFlow's {@code decode_image(channels=3)} gives it. A JPEG file differs
 * by a few levels in places: TensorFlow takes libjpeg's fast inverse transform, the JDK the
 * accurate one.
 */
public final class ImageDecoder {

  /** Most pixels of an image file: 67 million, more than cameras take, 200 MB decoded. */
  public static final int MAX_PIXELS = 1 << 26;

  private ImageDecoder() {}

  /**
   * Decodes a file.
   *
   * @param file a JPEG or PNG file, of any file system
   * @return RGB pixels in [0, 255], upright: the EXIF orientation of a JPEG is applied. Alpha is
   *     left out, grey repeated, of 16 bits the upper 8 are kept
   * @throws InvalidImageException when it is no JPEG or PNG file, is broken or cut off, or has more
   *     than {@link #MAX_PIXELS}
   * @throws UncheckedIOException when it cannot be read
   */
  public static ImageInput.Pixels decode(Path file) {
    return decode(((ImageInput.Encoded) ImageInput.of(file)).file());
  }

  /**
   * Decodes an encoded image.
   *
   * @param file a whole JPEG or PNG file
   * @return as {@link #decode(Path)}
   * @throws InvalidImageException as {@link #decode(Path)}
   */
  public static ImageInput.Pixels decode(byte[] file) {
    if (EncodedImages.isJpeg(file)) {
      return JpegOrientation.turnUpright(jpeg(file), JpegOrientation.of(file));
    }
    if (EncodedImages.isPng(file)) {
      return png(file);
    }
    throw new InvalidImageException(
        "expected a whole JPEG or PNG file, received " + EncodedImages.describe(file));
  }

  private static ImageInput.Pixels jpeg(byte[] file) {
    JpegColours colours = JpegColours.of(file);
    checkSize(colours.height(), colours.width());
    if (!JpegSegments.isWhole(file)) {
      throw new InvalidImageException("the JPEG file is cut off");
    }
    try {
      Raster samples = read("jpeg", file, reader -> reader.readRaster(0, null));
      return colours.rgb(samples);
    } catch (IOException | RuntimeException e) {
      throw new InvalidImageException("the JPEG file is broken: " + e.getMessage(), e);
    }
  }

  private static ImageInput.Pixels png(byte[] file) {
    try {
      PngChunks.check(file);
      ByteBuffer header = ByteBuffer.wrap(file);
      checkSize(header.getInt(PngChunks.HEIGHT), header.getInt(PngChunks.WIDTH));
      BufferedImage image = read("png", file, reader -> reader.read(0));
      return RgbPixels.of(image);
    } catch (InvalidImageException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new InvalidImageException("the PNG file is broken or cut off: " + e.getMessage(), e);
    }
  }

  private static void checkSize(int height, int width) {
    if (height < 1 || width < 1 || (long) height * width > MAX_PIXELS) {
      throw new InvalidImageException(
          "an image may have at most %d pixels; received height %d, width %d"
              .formatted(MAX_PIXELS, height, width));
    }
  }

  private interface Reading<T> {
    T from(ImageReader reader) throws IOException;
  }

  private static <T> T read(String format, byte[] file, Reading<T> reading) throws IOException {
    ImageReader reader = ImageIO.getImageReadersByFormatName(format).next();
    try (MemoryCacheImageInputStream stream =
        new MemoryCacheImageInputStream(new ByteArrayInputStream(file))) {
      reader.setInput(stream, true, true);
      return reading.from(reader);
    } finally {
      reader.dispose();
    }
  }
}
