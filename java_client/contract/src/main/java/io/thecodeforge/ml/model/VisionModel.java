package io.thecodeforge.ml.model;

import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.Detections;
import io.thecodeforge.ml.InferenceException;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.answer.Futures;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.image.ImageInput;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A classifier or a detector: {@link Model} with images for inputs and plain values for answers.
 *
 * <p>A fake for tests implements the two methods that take a collection (and those of {@link
 * Model}); every other form ends in them. Every form throws what {@link #classifyAll} and {@link
 * #detectAll} do.
 *
 * <pre>{@code
 * Classification answer = model.classify(Path.of("cat.jpg"));
 * List<Classification> answers =
 *     model.classifyAll(List.of(ImageInput.of(jpeg), ImageInput.of(bufferedImage)));
 * }</pre>
 */
public interface VisionModel extends Model {

  /**
   * Classifies images, each of its own size. Encoded files are answered in one call together,
   * pixels in one call for each size.
   *
   * @param images at least one image
   * @return one classification an image, in the same order
   * @throws InvalidImageException when one of them cannot be an image, or cannot be decoded; the
   *     message says which. Then none is answered
   * @throws InferenceException when the model fails on them
   * @throws ContractMismatchException when the answer is not what the contract says
   * @throws UnsupportedOperationException when the model is no classifier
   * @throws IllegalStateException after {@link #close}
   */
  List<Classification> classifyAll(Collection<? extends ImageInput> images);

  /**
   * Finds the objects in images, each of its own size; see {@link #classifyAll}.
   *
   * @param images at least one image
   * @return for each image, in the same order, what was found in it
   * @throws InvalidImageException as {@link #classifyAll}
   * @throws InferenceException as there
   * @throws ContractMismatchException when a count, class, score or box is not the contract's
   * @throws UnsupportedOperationException when the model is no detector
   * @throws IllegalStateException after {@link #close}
   */
  List<Detections> detectAll(Collection<? extends ImageInput> images);

  /**
   * Classifies encoded images in one call.
   *
   * @param images whole JPEG or PNG files, at least one; not to be changed meanwhile
   * @return one classification an image, in the same order
   */
  default List<Classification> classify(List<byte[]> images) {
    return classifyAll(ImageInput.ofAll(images));
  }

  /**
   * Classifies one image.
   *
   * @param image the image
   */
  default Classification classify(ImageInput image) {
    return classifyAll(ImageInput.one(image)).get(0);
  }

  /**
   * Classifies one encoded image.
   *
   * @param image a whole JPEG or PNG file; not to be changed meanwhile
   */
  default Classification classify(byte[] image) {
    return classify(ImageInput.of(image));
  }

  /**
   * Classifies one encoded image.
   *
   * @param image the bytes from its position to its limit, a whole JPEG or PNG file
   */
  default Classification classify(ByteBuffer image) {
    return classify(ImageInput.of(image));
  }

  /**
   * Classifies one encoded image.
   *
   * @param image a whole JPEG or PNG file; it is read to its end and stays the caller's to close
   */
  default Classification classify(InputStream image) {
    return classify(ImageInput.of(image));
  }

  /**
   * Classifies one encoded image.
   *
   * @param image a JPEG or PNG file, of any file system
   */
  default Classification classify(Path image) {
    return classify(ImageInput.of(image));
  }

  /**
   * Classifies one decoded image.
   *
   * @param image an upright image of any colour model
   */
  default Classification classify(BufferedImage image) {
    return classify(ImageInput.of(image));
  }

  /**
   * Classifies decoded images of one size in one call.
   *
   * @param rgb RGB pixels in [0, 255], image after image, row after row, three bytes a pixel,
   *     upright, neither resized nor normalised; not to be changed meanwhile
   * @param count number of images, at least 1
   * @param height rows of each image, at least 1
   * @param width columns of each image, at least 1
   * @return one classification an image, in the same order
   */
  default List<Classification> classifyPixels(byte[] rgb, int count, int height, int width) {
    return classifyAll(ImageInput.pixels(rgb, count, height, width));
  }

  /**
   * Classifies images without waiting; see {@link Model#predictAsync}.
   *
   * @param images at least one image
   * @return one classification an image, in the same order; it fails with what {@link #classifyAll}
   *     would throw
   */
  default CompletableFuture<List<Classification>> classifyAllAsync(
      Collection<? extends ImageInput> images) {
    return CompletableFuture.supplyAsync(() -> classifyAll(images));
  }

  /**
   * Classifies one image without waiting; see {@link Model#predictAsync}.
   *
   * @param image the image
   */
  default CompletableFuture<Classification> classifyAsync(ImageInput image) {
    return Futures.then(classifyAllAsync(ImageInput.one(image)), answers -> answers.get(0));
  }

  /**
   * Finds the objects in encoded images in one call.
   *
   * @param images whole JPEG or PNG files, at least one; not to be changed meanwhile
   * @return for each image, in the same order, what was found in it
   */
  default List<Detections> detect(List<byte[]> images) {
    return detectAll(ImageInput.ofAll(images));
  }

  /**
   * Finds the objects in one image.
   *
   * @param image the image
   */
  default Detections detect(ImageInput image) {
    return detectAll(ImageInput.one(image)).get(0);
  }

  /**
   * Finds the objects in one encoded image.
   *
   * @param image a whole JPEG or PNG file; not to be changed meanwhile
   */
  default Detections detect(byte[] image) {
    return detect(ImageInput.of(image));
  }

  /**
   * Finds the objects in one encoded image.
   *
   * @param image the bytes from its position to its limit, a whole JPEG or PNG file
   */
  default Detections detect(ByteBuffer image) {
    return detect(ImageInput.of(image));
  }

  /**
   * Finds the objects in one encoded image.
   *
   * @param image a whole JPEG or PNG file; it is read to its end and stays the caller's to close
   */
  default Detections detect(InputStream image) {
    return detect(ImageInput.of(image));
  }

  /**
   * Finds the objects in one encoded image.
   *
   * @param image a JPEG or PNG file, of any file system
   */
  default Detections detect(Path image) {
    return detect(ImageInput.of(image));
  }

  /**
   * Finds the objects in one decoded image.
   *
   * @param image an upright image of any colour model
   */
  default Detections detect(BufferedImage image) {
    return detect(ImageInput.of(image));
  }

  /**
   * Finds the objects in decoded images of one size in one call.
   *
   * @param rgb as for {@link #classifyPixels}
   * @param count number of images, at least 1
   * @param height rows of each image, at least 1
   * @param width columns of each image, at least 1
   * @return for each image, in the same order, what was found in it
   */
  default List<Detections> detectPixels(byte[] rgb, int count, int height, int width) {
    return detectAll(ImageInput.pixels(rgb, count, height, width));
  }

  /**
   * Finds the objects in images without waiting; see {@link Model#predictAsync}.
   *
   * @param images at least one image
   * @return for each image, in the same order, what was found in it; it fails with what {@link
   *     #detectAll} would throw
   */
  default CompletableFuture<List<Detections>> detectAllAsync(
      Collection<? extends ImageInput> images) {
    return CompletableFuture.supplyAsync(() -> detectAll(images));
  }

  /**
   * Finds the objects in one image without waiting; see {@link Model#predictAsync}.
   *
   * @param image the image
   */
  default CompletableFuture<Detections> detectAsync(ImageInput image) {
    return Futures.then(detectAllAsync(ImageInput.one(image)), answers -> answers.get(0));
  }
}
