package io.thecodeforge.ml.image;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * One image on its way into a model: a whole file that the model decodes, or pixels.
 *
 * <p>Send a file as it is where there is one. It is ten times smaller than its pixels, and
 * decoding, turning upright, resizing and normalising happen in the model, the same for every
 * caller.
 */
public sealed interface ImageInput {

  /**
   * A whole JPEG or PNG file.
   *
   * @param file its bytes; not copied, not to be changed while a call runs
   * @param name what messages call it; empty where it has no name
   */
  record Encoded(byte[] file, String name) implements ImageInput {

    /** Refuses null. */
    public Encoded {
      requireThere(file, "the bytes of an image file");
    }
  }

  /**
   * RGB pixels in [0, 255], row after row, three bytes a pixel, upright.
   *
   * @param rgb an array that holds them; not copied, not to be changed while a call runs
   * @param offset where in the array they begin
   * @param height rows, at least 1
   * @param width columns, at least 1
   */
  record Pixels(byte[] rgb, int offset, int height, int width) implements ImageInput {

    /** Refuses null and sizes that do not fit the array. */
    public Pixels {
      requireThere(rgb, "RGB pixels");
      PixelShape shape = new PixelShape(1, height, width);
      if (offset != 0 || shape.length() != rgb.length) {
        shape.checkRange(rgb, offset);
      }
    }

    /** Returns how many bytes they are. */
    public int length() {
      return Math.toIntExact(3L * height * width);
    }
  }

  /**
   * Takes an encoded image.
   *
   * @param file a whole JPEG or PNG file; not copied, not to be changed while a call runs
   */
  static ImageInput of(byte[] file) {
    return new Encoded(file, "");
  }

  /**
   * Takes an encoded image.
   *
   * @param file the bytes from its position to its limit, a whole JPEG or PNG file; they are copied
   *     and its position stays
   */
  static ImageInput of(ByteBuffer file) {
    requireThere(file, "a buffer with an image file");
    byte[] copy = new byte[file.remaining()];
    file.duplicate().get(copy);
    return new Encoded(copy, "");
  }

  /**
   * Reads an encoded image.
   *
   * @param file a whole JPEG or PNG file; it is read to its end and stays the caller's to close
   * @throws UncheckedIOException when it cannot be read
   */
  static ImageInput of(InputStream file) {
    requireThere(file, "a stream with an image file");
    try {
      return new Encoded(file.readAllBytes(), "");
    } catch (IOException e) {
      throw new UncheckedIOException("the image cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * Reads an encoded image.
   *
   * @param file a JPEG or PNG file, of any file system
   * @throws UncheckedIOException when it cannot be read
   */
  static ImageInput of(Path file) {
    requireThere(file, "the path of an image file");
    try {
      return new Encoded(Files.readAllBytes(file), file.toString());
    } catch (IOException e) {
      throw new UncheckedIOException("%s cannot be read: %s".formatted(file, reason(e)), e);
    }
  }

  /**
   * Takes a decoded image.
   *
   * @param image an upright image of any colour model: grey becomes RGB, 16 bits become 8, alpha is
   *     left out; the pixels are copied
   */
  static ImageInput of(BufferedImage image) {
    requireThere(image, "an image");
    return RgbPixels.of(image);
  }

  /**
   * Takes decoded pixels.
   *
   * @param rgb RGB pixels in [0, 255], row after row, three bytes a pixel, upright, neither resized
   *     nor normalised; not copied, not to be changed while a call runs
   * @param height rows, at least 1
   * @param width columns, at least 1
   * @throws io.thecodeforge.ml.InvalidImageException when {@code rgb} does not have that many bytes
   */
  static ImageInput pixels(byte[] rgb, int height, int width) {
    return pixels(rgb, 1, height, width).get(0);
  }

  /**
   * Takes decoded pixels of several images of one size.
   *
   * @param rgb as for {@link #pixels(byte[], int, int)}, image after image
   * @param count number of images, at least 1
   * @param height rows of each image, at least 1
   * @param width columns of each image, at least 1
   * @throws io.thecodeforge.ml.InvalidImageException when {@code rgb} does not have that many bytes
   */
  static List<ImageInput> pixels(byte[] rgb, int count, int height, int width) {
    requireThere(rgb, "RGB pixels");
    new PixelShape(count, height, width).check(rgb);
    int length = rgb.length / count;
    List<ImageInput> images = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      images.add(new Pixels(rgb, i * length, height, width));
    }
    return images;
  }

  /**
   * Takes encoded images.
   *
   * @param files whole JPEG or PNG files; not copied, not to be changed while a call runs
   */
  static List<ImageInput> ofAll(List<byte[]> files) {
    requireThere(files, "a list of image files");
    List<ImageInput> images = new ArrayList<>(files.size());
    for (byte[] file : files) {
      images.add(of(requireThere(file, "image %d of %d".formatted(images.size(), files.size()))));
    }
    return images;
  }

  /**
   * Takes one image as a collection of one.
   *
   * @param image the image
   */
  static List<ImageInput> one(ImageInput image) {
    return List.of(requireThere(image, "an image"));
  }

  private static <T> T requireThere(T given, String what) {
    if (given == null) {
      throw new NullPointerException("expected %s, received null".formatted(what));
    }
    return given;
  }

  private static String reason(IOException e) {
    if (e instanceof NoSuchFileException) {
      return "there is no such file";
    }
    return e instanceof AccessDeniedException
        ? "permission denied"
        : String.valueOf(e.getMessage());
  }
}
