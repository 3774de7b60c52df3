package io.thecodeforge.ml.image;

import io.thecodeforge.ml.InvalidImageException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Images that one call answers: files of any sizes, or pixels of one size.
 *
 * <p>Encoded files share a call, for the model decodes each by itself; pixels share one with the
 * images of their own size, for a tensor has one height and one width.
 */
public sealed interface ImageBatch {

  /**
   * Encoded files.
   *
   * @param positions the place of each image in what the caller passed
   * @param files the images
   * @param count how many images the caller passed in all
   */
  record Files(List<Integer> positions, List<ImageInput.Encoded> files, int count)
      implements ImageBatch {

    /** Returns the bytes of each file. */
    public List<byte[]> contents() {
      return files.stream().map(ImageInput.Encoded::file).toList();
    }

    /**
     * Returns some of the files.
     *
     * @param start the first of them, counted in this batch
     * @param end the one behind the last
     */
    public Files part(int start, int end) {
      return new Files(positions.subList(start, end), files.subList(start, end), count);
    }

    /**
     * Says that a model refused one of the files.
     *
     * @param row the file's place in this batch
     * @param refusal the refusal of a call that had it
     */
    public InvalidImageException refusal(int row, InvalidImageException refusal) {
      int position = positions.get(row);
      String place = EncodedImages.place(files.get(row).name(), position, count);
      return new InvalidImageException(
          position, "%s: %s".formatted(place, refusal.getMessage()), refusal.getCause());
    }
  }

  /**
   * Pixels of one size.
   *
   * @param positions the place of each image in what the caller passed
   * @param rgb the pixels of all images
   * @param shape their shape
   */
  record Pixels(List<Integer> positions, byte[] rgb, PixelShape shape) implements ImageBatch {}

  /** Returns the place of each image in what the caller passed. */
  List<Integer> positions();

  /**
   * Sorts images into calls.
   *
   * @param images the images
   * @param batchSize most images in a call, at least 1
   * @throws InvalidImageException when there are none, or a file is neither JPEG nor PNG; the
   *     message says which
   * @throws NullPointerException when one is null; the message says which
   */
  static List<ImageBatch> of(Collection<? extends ImageInput> images, int batchSize) {
    if (images == null) {
      throw new NullPointerException("expected images, received null");
    }
    if (images.isEmpty()) {
      throw new InvalidImageException("expected at least one image, received an empty batch");
    }
    Map<Object, List<Integer>> groups = new LinkedHashMap<>();
    List<ImageInput> all = new ArrayList<>(images.size());
    for (ImageInput image : images) {
      groups
          .computeIfAbsent(group(image, all.size(), images.size()), key -> new ArrayList<>())
          .add(all.size());
      all.add(image);
    }
    List<ImageBatch> batches = new ArrayList<>();
    for (List<Integer> positions : groups.values()) {
      for (int start = 0; start < positions.size(); start += batchSize) {
        int end = (int) Math.min((long) start + batchSize, positions.size());
        batches.add(batch(all, List.copyOf(positions.subList(start, end))));
      }
    }
    return batches;
  }

  private static Object group(ImageInput image, int position, int count) {
    if (image == null) {
      throw new NullPointerException(
          "image %d of %d: expected an image, received null".formatted(position, count));
    }
    if (image instanceof ImageInput.Pixels pixels) {
      return new PixelShape(1, pixels.height(), pixels.width());
    }
    EncodedImages.check((ImageInput.Encoded) image, position, count);
    return ImageInput.Encoded.class;
  }

  private static ImageBatch batch(List<ImageInput> all, List<Integer> positions) {
    if (all.get(positions.get(0)) instanceof ImageInput.Pixels first) {
      List<ImageInput.Pixels> members =
          positions.stream().map(all::get).map(ImageInput.Pixels.class::cast).toList();
      PixelShape shape = new PixelShape(members.size(), first.height(), first.width());
      return new Pixels(positions, joined(members, shape), shape);
    }
    return new Files(
        positions,
        positions.stream().map(all::get).map(ImageInput.Encoded.class::cast).toList(),
        all.size());
  }

  /** Returns the pixels in one array; the one that they fill already is not copied. */
  private static byte[] joined(List<ImageInput.Pixels> images, PixelShape shape) {
    byte[] first = images.get(0).rgb();
    boolean isWhole = first.length == shape.length();
    for (int i = 0; isWhole && i < images.size(); i++) {
      ImageInput.Pixels image = images.get(i);
      isWhole = image.rgb() == first && image.offset() == i * image.length();
    }
    if (isWhole) {
      return first;
    }
    if (shape.length() > Integer.MAX_VALUE) {
      throw new InvalidImageException(
          "%d images of %d rows and %d columns are too many for one call: ask about fewer at once"
              .formatted(shape.count(), shape.height(), shape.width()));
    }
    byte[] rgb = new byte[(int) shape.length()];
    int next = 0;
    for (ImageInput.Pixels image : images) {
      System.arraycopy(image.rgb(), image.offset(), rgb, next, image.length());
      next += image.length();
    }
    return rgb;
  }

  /**
   * Puts answers where their images were.
   *
   * @param <T> the answer for one image
   * @param batches the calls
   * @param answers by call, the answers for its images in their order
   */
  static <T> List<T> inOrder(List<ImageBatch> batches, List<List<T>> answers) {
    if (batches.size() == 1) {
      return answers.get(0);
    }
    Map<Integer, T> byPosition = new TreeMap<>();
    for (int i = 0; i < batches.size(); i++) {
      List<Integer> positions = batches.get(i).positions();
      for (int row = 0; row < positions.size(); row++) {
        byPosition.put(positions.get(row), answers.get(i).get(row));
      }
    }
    return List.copyOf(byPosition.values());
  }
}
