package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.Detections;
import io.thecodeforge.ml.InferenceException;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.answer.ClassifierAnswer;
import io.thecodeforge.ml.answer.DetectorAnswer;
import io.thecodeforge.ml.answer.Refusal;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractFileException;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.Difference;
import io.thecodeforge.ml.contract.SignatureSpec;
import io.thecodeforge.ml.contract.TensorSpec;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.image.ImageBatch;
import io.thecodeforge.ml.image.ImageInput;
import io.thecodeforge.ml.image.ImageInputs;
import io.thecodeforge.ml.image.PixelShape;
import io.thecodeforge.ml.image.ProbeImage;
import io.thecodeforge.ml.image.RefusedFile;
import io.thecodeforge.ml.model.ModelMetadata;
import io.thecodeforge.ml.model.VisionModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
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
public final class VisionService implements VisionModel {

  private static final Logger logger = LoggerFactory.getLogger(VisionService.class);

  private static final String ANSWER = "the model's answer";
  private final Contract contract;
  private final ModelService model;
  private final OptionalLong version;

  private VisionService(Contract contract, ModelService model) {
    this.contract = contract;
    this.model = model;
    this.version = model.metadata().version();
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
    ModelService.requireOwnFiles(version);
    NativeMemory.prepare();
    Contract contract = Contract.ofVersion(version);
    checkCopy(contract, version);
    ModelService model =
        ModelService.builder(version).contract(contract).config(config).probe(false).load();
    VisionService service = new VisionService(contract, model);
    try {
      service.probe(version);
      model.prove(version);
    } catch (RuntimeException e) {
      service.close();
      throw e;
    }
    logger.info(
        "loaded {}: a {} of {} classes", version, contract.model(), contract.classNames().size());
    return service;
  }

  /**
   * Runs the newest version of a model, and moves to a newer one when it is there, warm and has
   * given its golden answers.
   *
   * @param model the model's directory, {@code MODELS/<model>}, whose versions are directories with
   *     a number for a name
   * @throws ModelLoadException when it has no version, or none that can be loaded
   * @throws ContractMismatchException as {@link #load(Path)}, of the newest version, when all are
   *     refused
   */
  public static WatchedVisionService watch(Path model) {
    return watch(model, WatchSettings.DEFAULT);
  }

  /**
   * Runs the newest version of a model, as {@link #watch(Path)}.
   *
   * @param model the model's directory
   * @param settings how often to look, session settings, and who is told
   * @throws ModelLoadException as {@link #watch(Path)}
   * @throws ContractMismatchException as {@link #watch(Path)}
   */
  public static WatchedVisionService watch(Path model, WatchSettings settings) {
    return WatchedVisionService.start(model, settings);
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

  @Override
  public Contract contract() {
    return contract;
  }

  @Override
  public ModelMetadata metadata() {
    return model.metadata();
  }

  @Override
  public Map<String, TensorValue> predict(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
    return model.predict(signature, inputs, outputs);
  }

  @Override
  public List<Classification> classifyAll(Collection<? extends ImageInput> images) {
    require("classify", ClassifierAnswer.MODEL);
    return answers(ImageBatch.of(images, Integer.MAX_VALUE), this::classified);
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
    require("classify", ClassifierAnswer.MODEL);
    PixelShape.of(images.shape().asArray());
    return NativeMemory.guarded(
        () -> classified(ImageInputs.PIXELS_SIGNATURE, ImageInputs.PIXELS_INPUT, images));
  }

  @Override
  public List<Detections> detectAll(Collection<? extends ImageInput> images) {
    require("detect", DetectorAnswer.MODEL);
    return answers(ImageBatch.of(images, Integer.MAX_VALUE), this::detected);
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
  public List<Detections> detect(TUint8 images) {
    require("detect", DetectorAnswer.MODEL);
    PixelShape.of(images.shape().asArray());
    return NativeMemory.guarded(
        () -> detected(ImageInputs.PIXELS_SIGNATURE, ImageInputs.PIXELS_INPUT, images));
  }

  /** Asks one signature about one tensor of images; reads an answer for each of them. */
  private interface Asked<T> {
    List<T> about(String key, String inputName, Tensor images);
  }

  private static <T> List<T> answers(List<ImageBatch> batches, Asked<T> asked) {
    List<List<T>> answers = new ArrayList<>(batches.size());
    for (ImageBatch batch : batches) {
      answers.add(
          NativeMemory.guarded(
              () ->
                  batch instanceof ImageBatch.Pixels pixels
                      ? answers(pixels, asked)
                      : answers((ImageBatch.Files) batch, asked)));
    }
    return ImageBatch.inOrder(batches, answers);
  }

  private static <T> List<T> answers(ImageBatch.Pixels batch, Asked<T> asked) {
    try (TUint8 tensor = pixels(batch.rgb(), batch.shape())) {
      return asked.about(ImageInputs.PIXELS_SIGNATURE, ImageInputs.PIXELS_INPUT, tensor);
    }
  }

  private static <T> List<T> answers(ImageBatch.Files batch, Asked<T> asked) {
    try {
      return answersOfFiles(batch, asked);
    } catch (InvalidImageException e) {
      throw RefusedFile.find(
              batch, e, part -> CompletableFuture.completedFuture(refusal(part, asked)))
          .join();
    }
  }

  private static <T> List<T> answersOfFiles(ImageBatch.Files batch, Asked<T> asked) {
    try (TString tensor = encoded(batch.contents())) {
      return asked.about(ImageInputs.ENCODED_SIGNATURE, ImageInputs.ENCODED_INPUT, tensor);
    }
  }

  private static Optional<InvalidImageException> refusal(ImageBatch.Files batch, Asked<?> asked) {
    try {
      answersOfFiles(batch, asked);
      return Optional.empty();
    } catch (InvalidImageException e) {
      return Optional.of(e);
    }
  }

  private List<Classification> classified(String key, String inputName, Tensor input) {
    Map<String, TensorValue> outputs = run(key, inputName, input);
    outputs.forEach((name, values) -> contract.checkRange(key, name, values, ANSWER));
    return new ClassifierAnswer(
            contract.classNames(),
            outputs.get(ClassifierAnswer.PROBABILITIES).floats(),
            outputs.get(ClassifierAnswer.LOGITS).floats(),
            version)
        .classifications();
  }

  private List<Detections> detected(String key, String inputName, Tensor input) {
    Map<String, TensorValue> outputs = run(key, inputName, input);
    return new DetectorAnswer(
            contract,
            key,
            ANSWER,
            outputs.get(DetectorAnswer.BOXES).floats(),
            outputs.get(DetectorAnswer.SCORES).floats(),
            outputs.get(DetectorAnswer.CLASSES).floats(),
            outputs.get(DetectorAnswer.COUNTS).floats(),
            version)
        .detections();
  }

  /**
   * Runs a signature for all its outputs, those that nobody reads here included: another set of
   * fetches would be another run to prepare, and none that loading has warmed.
   */
  private Map<String, TensorValue> run(String key, String inputName, Tensor input) {
    try {
      return model.run(
          key,
          Map.of(inputName, input),
          contract.signature(key).outputs().keySet(),
          VisionService::numbers);
    } catch (InvalidInputException e) {
      throw isOfImage(e) ? new InvalidImageException(e.getMessage(), e.getCause()) : e;
    }
  }

  /** Copies all but texts, which name the classes and are the contract's. */
  private static Map<String, TensorValue> numbers(Map<String, Tensor> outputs) {
    Map<String, TensorValue> values = new LinkedHashMap<>();
    outputs.forEach(
        (name, tensor) -> {
          if (!(tensor instanceof TString)) {
            values.put(name, NativeTensors.value(tensor));
          }
        });
    return values;
  }

  private static boolean isOfImage(InvalidInputException e) {
    return e.getCause() != null && Refusal.about(e.getCause().getMessage()) == Refusal.About.IMAGE;
  }

  /** Returns for how many sets of outputs runs were prepared, see {@link LoadedModel}. */
  int preparedRuns() {
    return model.preparedRuns();
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
