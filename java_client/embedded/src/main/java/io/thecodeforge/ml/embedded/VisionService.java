package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.Detection;
import io.thecodeforge.ml.InferenceException;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.answer.ClassifierAnswer;
import io.thecodeforge.ml.answer.DetectorAnswer;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractFileException;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.Difference;
import io.thecodeforge.ml.contract.SignatureSpec;
import io.thecodeforge.ml.contract.TensorSpec;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.image.EncodedImages;
import io.thecodeforge.ml.image.ImageInputs;
import io.thecodeforge.ml.image.PixelShape;
import io.thecodeforge.ml.image.ProbeImage;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.NdArrays;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.types.TString;
import org.tensorflow.types.TUint8;

/**
 * A published classifier or detector, running in this process: {@link ModelService} with images for
 * inputs and plain values for answers.
 *
 * <p>Thread-safe: one service for all threads, whose calls run side by side. Not cheap to load,
 * cheap to call; keep it as long as the program asks questions.
 *
 * <p>The service owns native memory that the garbage collector does not see: close it, best with
 * try-with-resources. Tensors that it makes are closed before a call returns; a tensor that a
 * caller hands over stays the caller's to close.
 *
 * <pre>{@code
 * try (VisionService service = VisionService.load(Path.of("models/classifier/1"))) {
 *   Classification answer = service.classify(Files.readAllBytes(Path.of("cat.jpg")));
 * }
 * }</pre>
 */
public final class VisionService implements AutoCloseable {

  private static final Logger logger = LoggerFactory.getLogger(VisionService.class);

  private static final String ANSWER = "the model's answer";
  private static final List<String> CLASSIFIER_OUTPUTS =
      List.of(ClassifierAnswer.PROBABILITIES, ClassifierAnswer.LOGITS);

  private final Contract contract;
  private final ModelService model;

  private VisionService(Contract contract, ModelService model) {
    this.contract = contract;
    this.model = model;
  }

  /**
   * Loads a version, with as many threads as TensorFlow sees fit.
   *
   * @param version the version's directory, {@code MODELS/<model>/<version>}
   * @throws ContractFileException when it has no readable contract
   * @throws ContractMismatchException when its contract is not this toolkit's, or when its
   *     signatures, its answer to a probe image or its class names are not those of the contract;
   *     the message lists every difference
   * @throws ModelLoadException when TensorFlow cannot load or run it
   */
  public static VisionService load(Path version) {
    return load(version, ConfigProto.getDefaultInstance());
  }

  /**
   * Loads a version.
   *
   * @param version the version's directory, {@code MODELS/<model>/<version>}
   * @param config TensorFlow's session settings. {@code intra_op_parallelism_threads = 1} is often
   *     the fastest where many threads ask at once; the first session of a process fixes it for all
   * @throws ContractFileException as {@link #load(Path)}
   * @throws ContractMismatchException as {@link #load(Path)}
   * @throws ModelLoadException as {@link #load(Path)}
   */
  public static VisionService load(Path version, ConfigProto config) {
    Contract contract = Contract.ofVersion(version);
    checkCopy(contract, version);
    ModelService model =
        ModelService.builder(version).contract(contract).config(config).probe(false).load();
    VisionService service = new VisionService(contract, model);
    try {
      service.probe(version);
    } catch (RuntimeException e) {
      service.close();
      throw e;
    }
    logger.info(
        "loaded {}: a {} of {} classes", version, contract.model(), contract.classNames().size());
    return service;
  }

  /** A version that only agrees with its own copy may still come from another toolkit. */
  private static void checkCopy(Contract copy, Path version) {
    List<Difference> differences =
        Contract.ofModel(copy.model()).differences(copy.signatures()).stream()
            .map(d -> d.at("contract-copy", "the contract copy, " + d.where()))
            .toList();
    if (!differences.isEmpty()) {
      throw new ContractMismatchException(version.toString(), differences);
    }
    if (copy.classNames().isEmpty()) {
      throw new ContractFileException(
          "%s has no class_names: it is not a published version's contract"
              .formatted(version.resolve(Contract.PUBLISHED_FILE)));
    }
  }

  /**
   * Runs each signature once: a SavedModel can declare what it cannot do, and only an answer shows
   * the order of the classes.
   */
  private void probe(Path version) {
    contract
        .signatures()
        .forEach(
            (key, signature) -> {
              Map.Entry<String, TensorSpec> input = signature.inputs().entrySet().iterator().next();
              try (Tensor image = probeTensor(input.getValue())) {
                model.run(
                    key,
                    Map.of(input.getKey(), image),
                    signature.outputs().keySet(),
                    outputs -> {
                      checkProbe(key, signature, outputs, version);
                      return null;
                    });
              } catch (InvalidInputException | InferenceException e) {
                throw new ModelLoadException(
                    "%s loads but cannot answer a probe image: %s"
                        .formatted(version, e.getMessage()),
                    e);
              }
            });
  }

  private static Tensor probeTensor(TensorSpec input) {
    return input.dtype().equals("string")
        ? encoded(List.of(ProbeImage.png()))
        : pixels(ProbeImage.pixels(), new PixelShape(1, ProbeImage.SIDE, ProbeImage.SIDE));
  }

  private void checkProbe(
      String key, SignatureSpec signature, Map<String, Tensor> outputs, Path version) {
    Map<String, TensorSpec> found = new LinkedHashMap<>();
    outputs.forEach((name, tensor) -> found.put(name, NativeTensors.spec(tensor)));
    String subject = "the answer of %s to a probe image".formatted(version);
    List<Difference> differences =
        signature.resolve(contract.bound()).outputDifferences(key, found);
    if (!differences.isEmpty()) {
      throw new ContractMismatchException(subject, differences);
    }
    if (outputs.containsKey(ClassifierAnswer.CLASSES)) {
      contract.checkClassNames(
          NativeTensors.value(outputs.get(ClassifierAnswer.CLASSES)).texts(),
          "%s, %s".formatted(subject, key));
    }
  }

  /** Returns the contract of the loaded version, with its class names. */
  public Contract contract() {
    return contract;
  }

  /**
   * Classifies one encoded image.
   *
   * @param image a whole JPEG or PNG file
   * @throws InvalidImageException when it is neither, or cannot be decoded
   * @throws InferenceException when the model fails on it
   * @throws ContractMismatchException when a probability is outside the contract's range
   * @throws IllegalStateException after {@link #close}
   * @throws UnsupportedOperationException when the loaded version is no classifier
   */
  public Classification classify(byte[] image) {
    Objects.requireNonNull(image, "image");
    return classify(List.of(image)).get(0);
  }

  /**
   * Classifies encoded images, each of its own size, in one run of the model.
   *
   * @param images whole JPEG or PNG files, at least one
   * @return one classification an image, in the same order
   * @throws InvalidImageException when one of them is neither, or cannot be decoded; then none is
   *     answered
   * @throws InferenceException when the model fails on them
   * @throws ContractMismatchException when a probability is outside the contract's range
   * @throws IllegalStateException after {@link #close}
   * @throws UnsupportedOperationException when the loaded version is no classifier
   */
  public List<Classification> classify(List<byte[]> images) {
    EncodedImages.check(images);
    try (TString tensor = encoded(images)) {
      return classify(ImageInputs.ENCODED_SIGNATURE, ImageInputs.ENCODED_INPUT, tensor);
    }
  }

  /**
   * Classifies decoded images of one size in one run of the model.
   *
   * @param images RGB pixels in [0, 255], shape [batch, height, width, 3], every size at least 1,
   *     neither resized nor normalised; stays the caller's to close
   * @return one classification an image, in the same order
   * @throws InvalidImageException when the shape is another
   * @throws InferenceException when the model fails on them
   * @throws ContractMismatchException when a probability is outside the contract's range
   * @throws IllegalStateException after {@link #close}
   * @throws UnsupportedOperationException when the loaded version is no classifier
   */
  public List<Classification> classify(TUint8 images) {
    PixelShape.of(images.shape().asArray());
    return classify(ImageInputs.PIXELS_SIGNATURE, ImageInputs.PIXELS_INPUT, images);
  }

  /**
   * Classifies decoded images of one size in one run of the model; the bytes are copied once, into
   * native memory.
   *
   * @param rgb RGB pixels, image after image, row after row, three bytes a pixel
   * @param count number of images, at least 1
   * @param height rows of each image, at least 1
   * @param width columns of each image, at least 1
   * @return one classification an image, in the same order
   * @throws InvalidImageException when {@code rgb} does not have that many bytes
   * @throws InferenceException when the model fails on them
   * @throws ContractMismatchException when a probability is outside the contract's range
   * @throws IllegalStateException after {@link #close}
   * @throws UnsupportedOperationException when the loaded version is no classifier
   */
  public List<Classification> classifyPixels(byte[] rgb, int count, int height, int width) {
    PixelShape shape = new PixelShape(count, height, width);
    shape.check(rgb);
    try (TUint8 tensor = pixels(rgb, shape)) {
      return classify(ImageInputs.PIXELS_SIGNATURE, ImageInputs.PIXELS_INPUT, tensor);
    }
  }

  private List<Classification> classify(String key, String inputName, Tensor input) {
    require("classify", ClassifierAnswer.MODEL);
    Map<String, TensorValue> outputs = run(key, inputName, input, CLASSIFIER_OUTPUTS);
    outputs.forEach((name, values) -> contract.checkRange(key, name, values, ANSWER));
    return new ClassifierAnswer(
            contract.classNames(),
            outputs.get(ClassifierAnswer.PROBABILITIES).floats(),
            outputs.get(ClassifierAnswer.LOGITS).floats())
        .classifications();
  }

  /**
   * Finds the objects in one encoded image.
   *
   * @param image a whole JPEG or PNG file
   * @return what was found, the surest first; empty when nothing was
   * @throws InvalidImageException when it is neither, or cannot be decoded
   * @throws InferenceException when the model fails on it
   * @throws ContractMismatchException when a count, class, score or box is not the contract's
   * @throws IllegalStateException after {@link #close}
   * @throws UnsupportedOperationException when the loaded version is no detector
   */
  public List<Detection> detect(byte[] image) {
    Objects.requireNonNull(image, "image");
    return detect(List.of(image)).get(0);
  }

  /**
   * Finds the objects in encoded images, each of its own size, in one run of the model.
   *
   * @param images whole JPEG or PNG files, at least one
   * @return for each image, in the same order, what was found, the surest first
   * @throws InvalidImageException when one of them is neither, or cannot be decoded; then none is
   *     answered
   * @throws InferenceException when the model fails on them
   * @throws ContractMismatchException when a count, class, score or box is not the contract's
   * @throws IllegalStateException after {@link #close}
   * @throws UnsupportedOperationException when the loaded version is no detector
   */
  public List<List<Detection>> detect(List<byte[]> images) {
    EncodedImages.check(images);
    try (TString tensor = encoded(images)) {
      return detect(ImageInputs.ENCODED_SIGNATURE, ImageInputs.ENCODED_INPUT, tensor);
    }
  }

  /**
   * Finds the objects in decoded images of one size in one run of the model.
   *
   * @param images as for {@link #classify(TUint8)}; stays the caller's to close
   * @return for each image, in the same order, what was found, the surest first
   * @throws InvalidImageException when the shape is another
   * @throws InferenceException when the model fails on them
   * @throws ContractMismatchException when a count, class, score or box is not the contract's
   * @throws IllegalStateException after {@link #close}
   * @throws UnsupportedOperationException when the loaded version is no detector
   */
  public List<List<Detection>> detect(TUint8 images) {
    PixelShape.of(images.shape().asArray());
    return detect(ImageInputs.PIXELS_SIGNATURE, ImageInputs.PIXELS_INPUT, images);
  }

  /**
   * Finds the objects in decoded images of one size in one run of the model; the bytes are copied
   * once, into native memory.
   *
   * @param rgb RGB pixels, image after image, row after row, three bytes a pixel
   * @param count number of images, at least 1
   * @param height rows of each image, at least 1
   * @param width columns of each image, at least 1
   * @return for each image, in the same order, what was found, the surest first
   * @throws InvalidImageException when {@code rgb} does not have that many bytes
   * @throws InferenceException when the model fails on them
   * @throws ContractMismatchException when a count, class, score or box is not the contract's
   * @throws IllegalStateException after {@link #close}
   * @throws UnsupportedOperationException when the loaded version is no detector
   */
  public List<List<Detection>> detectPixels(byte[] rgb, int count, int height, int width) {
    PixelShape shape = new PixelShape(count, height, width);
    shape.check(rgb);
    try (TUint8 tensor = pixels(rgb, shape)) {
      return detect(ImageInputs.PIXELS_SIGNATURE, ImageInputs.PIXELS_INPUT, tensor);
    }
  }

  private List<List<Detection>> detect(String key, String inputName, Tensor input) {
    require("detect", DetectorAnswer.MODEL);
    Map<String, TensorValue> outputs = run(key, inputName, input, DetectorAnswer.OUTPUTS);
    return new DetectorAnswer(
            contract,
            key,
            ANSWER,
            outputs.get(DetectorAnswer.BOXES).floats(),
            outputs.get(DetectorAnswer.SCORES).floats(),
            outputs.get(DetectorAnswer.CLASSES).floats(),
            outputs.get(DetectorAnswer.COUNTS).floats())
        .detections();
  }

  private Map<String, TensorValue> run(
      String key, String inputName, Tensor input, List<String> outputs) {
    try {
      return model.run(key, Map.of(inputName, input), outputs, NativeTensors::values);
    } catch (InvalidInputException e) {
      throw new InvalidImageException(e.getMessage(), e.getCause());
    }
  }

  private void require(String method, String model) {
    if (!contract.model().equals(model)) {
      throw new UnsupportedOperationException(
          "%s needs a %s, this version is a %s".formatted(method, model, contract.model()));
    }
  }

  private static TString encoded(List<byte[]> images) {
    return TString.tensorOfBytes(NdArrays.vectorOfObjects(images.toArray(byte[][]::new)));
  }

  private static TUint8 pixels(byte[] rgb, PixelShape shape) {
    return TUint8.tensorOf(Shape.of(shape.sizes()), DataBuffers.of(rgb, true, false));
  }

  /**
   * Waits for running calls, then frees the model. Later calls throw {@link IllegalStateException};
   * closing again does nothing.
   */
  @Override
  public void close() {
    model.close();
  }
}
