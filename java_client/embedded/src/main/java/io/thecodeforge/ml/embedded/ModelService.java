package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.InferenceException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractFileException;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.Difference;
import io.thecodeforge.ml.contract.GoldenCase;
import io.thecodeforge.ml.contract.MadeUpRequest;
import io.thecodeforge.ml.contract.RequestRefusedException;
import io.thecodeforge.ml.contract.SignatureSpec;
import io.thecodeforge.ml.contract.TensorSpec;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.image.ProbeImage;
import io.thecodeforge.ml.model.Model;
import io.thecodeforge.ml.model.ModelMetadata;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.Tensor;
import org.tensorflow.proto.ConfigProto;

/**
 * Any SavedModel under any contract, running in this process.
 *
 * <p>It is held to its contract when it is loaded; each request is before it is run, and each
 * answer before it is read: names, dtypes, shapes, ranges and the order of the classes.
 *
 * <p>Thread-safe: one service for all threads, whose calls run side by side. Not cheap to load,
 * cheap to call; keep it as long as the program asks questions.
 *
 * <p>The service owns native memory that the garbage collector does not see: close it, best with
 * try-with-resources.
 *
 * <pre>{@code
 * Contract contract = Contract.load(Path.of("contract.json"));
 * try (ModelService service =
 *     ModelService.builder(Path.of("exported")).contract(contract).load()) {
 *   Map<String, TensorValue> answer =
 *       service.predict(Map.of("x", TensorValue.of(new float[] {1, 2, 3}, 3)));
 *   float[] y = answer.get("y").floats();
 * }
 * }</pre>
 */
public final class ModelService implements Model {

  private static final Logger logger = LoggerFactory.getLogger(ModelService.class);

  private static final String ANSWER = "the model's answer";

  private final Contract contract;
  private final LoadedModel model;
  private final ModelMetadata metadata;
  private final boolean checked;

  private ModelService(
      Contract contract, LoadedModel model, ModelMetadata metadata, boolean checked) {
    this.contract = contract;
    this.model = model;
    this.metadata = metadata;
    this.checked = checked;
  }

  /**
   * Loads a version under the contract that it carries.
   *
   * @param version the version's directory
   * @throws ContractFileException as {@link Builder#load}
   * @throws ContractMismatchException as {@link Builder#load}
   * @throws ModelLoadException as {@link Builder#load}
   */
  public static ModelService load(Path version) {
    return builder(version).load();
  }

  /**
   * Starts with a SavedModel.
   *
   * @param savedModel its directory
   */
  public static Builder builder(Path savedModel) {
    return new Builder(savedModel);
  }

  /**
   * Reads what a SavedModel declares, without loading it.
   *
   * @param savedModel its directory
   * @param tags the whole set of the graph's tags
   * @return signature by key, in alphabetical order
   * @throws ModelLoadException when the file is missing or damaged, or no graph has these tags
   */
  public static Map<String, SignatureSpec> declared(Path savedModel, Collection<String> tags) {
    return SavedModelFile.signatures(savedModel, tags);
  }

  /** Settings of a service. */
  public static final class Builder {
    private final Path savedModel;
    private Contract contract;
    private List<String> tags;
    private ConfigProto config = ConfigProto.getDefaultInstance();
    private boolean probe = true;
    private boolean checked = true;

    private Builder(Path savedModel) {
      this.savedModel =
          Objects.requireNonNull(savedModel, "expected a SavedModel's directory, received null");
    }

    /**
     * Sets what the model is held to, by default the copy that a published version carries.
     *
     * @param contract the contract
     */
    public Builder contract(Contract contract) {
      this.contract = Objects.requireNonNull(contract, "expected a contract, received null");
      return this;
    }

    /**
     * Sets the tags of the graph to load, by default the contract's.
     *
     * @param tags the whole set of the graph's tags
     */
    public Builder tags(String... tags) {
      this.tags = List.of(tags);
      return this;
    }

    /**
     * Sets TensorFlow's session settings. {@code intra_op_parallelism_threads = 1} is often the
     * fastest where many threads ask at once; the first session of a process fixes it for all.
     *
     * @param config the settings
     */
    public Builder config(ConfigProto config) {
      this.config = Objects.requireNonNull(config, "expected session settings, received null");
      return this;
    }

    /**
     * Sets whether the model is tried while it is loaded, which is the default: a SavedModel can
     * declare what it cannot do. Each signature is run once, on a request made up from the
     * contract, whose values a model may refuse; that is logged, and no fault. Then a version's own
     * warm-up requests and golden answers are run, where it carries some.
     *
     * @param probe whether to do so
     */
    public Builder probe(boolean probe) {
      this.probe = probe;
      return this;
    }

    /**
     * Sets whether each request and each answer is held to the contract, which is the default. A
     * test that looks at them itself does without.
     *
     * @param checked whether to do so
     */
    public Builder checked(boolean checked) {
      this.checked = checked;
      return this;
    }

    /**
     * Loads the model.
     *
     * @throws ContractFileException when no contract was given and the model carries none
     * @throws ContractMismatchException when its signatures, or its answers to a probe, are not
     *     those of the contract, or its golden answers not those that it carries; the message lists
     *     every difference, with the distance seen
     * @throws ModelLoadException when TensorFlow cannot load or run it
     */
    public ModelService load() {
      requireOwnFiles(savedModel);
      NativeMemory.prepare();
      Contract wanted = contract == null ? Contract.ofVersion(savedModel) : contract;
      List<String> graph = tags == null ? wanted.tags() : tags;
      Map<String, SignatureSpec> declared = SavedModelFile.signatures(savedModel, graph);
      wanted.check(declared, savedModel.toString());
      LoadedModel model = LoadedModel.load(savedModel, graph, wanted.signatures().keySet(), config);
      ModelService service =
          new ModelService(
              wanted,
              model,
              new ModelMetadata(wanted.model(), versionOf(savedModel), declared),
              checked);
      if (probe) {
        try {
          service.probe(savedModel);
          service.prove(savedModel);
        } catch (RuntimeException e) {
          service.close();
          throw e;
        }
      }
      logger.info("loaded {}: {}, {}", savedModel, wanted.model(), wanted.signatures().keySet());
      return service;
    }
  }

  /** Returns the number that a version's directory has for a name, where it has one. */
  private static OptionalLong versionOf(Path savedModel) {
    Path name = savedModel.toAbsolutePath().normalize().getFileName();
    boolean isNumber = name != null && name.toString().matches("\\d{1,18}");
    return isNumber ? OptionalLong.of(Long.parseLong(name.toString())) : OptionalLong.empty();
  }

  /** TensorFlow opens a version's files itself, and knows nothing of Java's file systems. */
  static void requireOwnFiles(Path savedModel) {
    Objects.requireNonNull(savedModel, "expected a version's directory, received null");
    if (savedModel.getFileSystem() != FileSystems.getDefault()) {
      throw new ModelLoadException(
          "expected a directory of this computer's file system, received %s of %s: TensorFlow reads"
                  .formatted(savedModel, savedModel.getFileSystem())
              + " the files itself; copy the version out first");
    }
  }

  /**
   * Runs a version's own warm-up requests and golden answers, with the very fetches that calls use:
   * TensorFlow prepares a run for each set of them, which takes seconds.
   *
   * @throws ModelLoadException when it cannot answer one of them
   * @throws ContractMismatchException when a golden answer is another, as after damage on the way
   */
  void prove(Path savedModel) {
    List<Difference> differences = new ArrayList<>();
    try {
      for (WarmupRequests.Request request : WarmupRequests.of(savedModel)) {
        answer(request.signature(), request.inputs(), List.of(), outputs -> null);
      }
      for (GoldenCase golden : goldenCases(savedModel)) {
        if (unheld(golden.signature(), contract.resolved(golden.signature())).isEmpty()) {
          differences.addAll(
              golden.differences(
                  answer(golden.signature(), golden.inputs(), List.of(), NativeTensors::values),
                  contract));
        }
      }
    } catch (InvalidInputException | InferenceException e) {
      throw new ModelLoadException(
          "%s cannot answer its own warm-up or golden requests: %s"
              .formatted(savedModel, e.getMessage()),
          e);
    }
    if (!differences.isEmpty()) {
      throw new ContractMismatchException(
          "%s does not give its own golden answers: damaged on the way, or not the version it says;"
                  .formatted(savedModel)
              + " it",
          differences);
    }
  }

  private List<GoldenCase> goldenCases(Path savedModel) {
    return Files.exists(savedModel.resolve(GoldenCase.PUBLISHED_FILE))
        ? GoldenCase.load(savedModel, contract)
        : List.of();
  }

  private void probe(Path savedModel) {
    contract
        .signatures()
        .keySet()
        .forEach(
            key -> {
              SignatureSpec signature = contract.resolved(key);
              String cannot = unheld(key, signature);
              if (!cannot.isEmpty()) {
                logger.warn("{}: {} was not tried: {}", savedModel, key, cannot);
                return;
              }
              try {
                predict(
                    key,
                    MadeUpRequest.acceptable(signature, ProbeImage.png()),
                    List.of(),
                    "the answer of %s to a probe".formatted(savedModel));
              } catch (InvalidInputException e) {
                logger.info(
                    "{}: {} refused a made-up request: {}", savedModel, key, e.getMessage());
              } catch (InferenceException e) {
                throw new ModelLoadException(
                    "%s loads but cannot answer a probe: %s".formatted(savedModel, e.getMessage()),
                    e);
              }
            });
  }

  private static String unheld(String key, SignatureSpec signature) {
    try {
      requireHeld(key, "input", signature.inputs());
      requireHeld(key, "output", signature.outputs());
      return "";
    } catch (InferenceException e) {
      return e.getMessage();
    }
  }

  private static void requireHeld(String key, String role, Map<String, TensorSpec> specs) {
    specs.forEach(
        (name, spec) ->
            NativeTensors.requireHeld("%s %s \"%s\"".formatted(key, role, name), spec.dtype()));
  }

  /** Returns what the SavedModel's own file declares, and the version that its directory names. */
  @Override
  public ModelMetadata metadata() {
    model.requireOpen();
    return metadata;
  }

  @Override
  public Contract contract() {
    return contract;
  }

  /**
   * Asks a signature for some of its outputs, whose tensors are copied into native memory and back.
   *
   * @throws InferenceException when the graph fails, or TensorFlow Java has no tensors of such a
   *     dtype
   */
  @Override
  public Map<String, TensorValue> predict(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
    return predict(signature, inputs, outputs, ANSWER);
  }

  private Map<String, TensorValue> predict(
      String key, Map<String, TensorValue> inputs, Collection<String> outputs, String subject) {
    checkRequest(key, inputs);
    return answer(
        key,
        inputs,
        outputs,
        answer -> {
          Map<String, TensorValue> values = NativeTensors.values(answer);
          checkAnswer(key, values, outputs, subject);
          return values;
        });
  }

  /** Runs a signature on values of Java's, without looking at what goes in. */
  private <T> T answer(
      String key,
      Map<String, TensorValue> inputs,
      Collection<String> outputs,
      Function<Map<String, Tensor>, T> read) {
    List<Tensor> made = new ArrayList<>();
    try {
      return NativeMemory.guarded(
          () -> {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            inputs.forEach((name, value) -> tensors.put(name, tensor(key, name, value, made)));
            fillIn(key, tensors, made);
            return run(key, tensors, names(key, outputs), read);
          });
    } finally {
      made.forEach(Tensor::close);
    }
  }

  /**
   * Asks a signature with TensorFlow's own tensors, which are not copied.
   *
   * @param <T> what is read from the outputs
   * @param signature the signature key
   * @param inputs tensor by input name; they stay the caller's to close. An input that has a
   *     default value may be left out
   * @param outputs names of the outputs; empty for all
   * @param read reads the answer; its tensors are closed when this returns
   * @return what {@code read} returned
   * @throws RequestRefusedException when the request is not what the contract says; it is not run
   * @throws InvalidInputException when the graph refuses it
   * @throws InferenceException when the graph fails otherwise
   * @throws ContractMismatchException when the answer is not what the contract says
   * @throws IllegalStateException after {@link #close}
   */
  public <T> T call(
      String signature,
      Map<String, ? extends Tensor> inputs,
      Collection<String> outputs,
      Function<Map<String, Tensor>, T> read) {
    Map<String, Tensor> tensors = new LinkedHashMap<>(inputs);
    checkRequest(signature, NativeTensors.values(tensors));
    List<Tensor> made = new ArrayList<>();
    try {
      return NativeMemory.guarded(
          () -> {
            fillIn(signature, tensors, made);
            return run(
                signature,
                tensors,
                names(signature, outputs),
                answer -> {
                  checkAnswer(signature, NativeTensors.values(answer), outputs, ANSWER);
                  return read.apply(answer);
                });
          });
    } finally {
      made.forEach(Tensor::close);
    }
  }

  /**
   * Runs a signature without looking at what goes in or comes out.
   *
   * @param outputs the outputs to fetch, which must exist
   */
  <T> T run(
      String key,
      Map<String, Tensor> inputs,
      Collection<String> outputs,
      Function<Map<String, Tensor>, T> read) {
    return model.run(key, inputs, outputs, read);
  }

  /** Returns for how many sets of outputs runs were prepared, see {@link LoadedModel}. */
  int preparedRuns() {
    return model.preparedRuns();
  }

  private void checkRequest(String key, Map<String, TensorValue> inputs) {
    if (!checked) {
      return;
    }
    List<Difference> differences = contract.requestDifferences(key, inputs);
    if (!differences.isEmpty()) {
      throw new RequestRefusedException(contract.model(), key, "run", differences);
    }
  }

  private Collection<String> names(String key, Collection<String> outputs) {
    Map<String, TensorSpec> specs = contract.signature(key).outputs();
    Collection<String> asked = outputs.isEmpty() ? specs.keySet() : outputs;
    for (String name : asked) {
      if (!specs.containsKey(name)) {
        throw new IllegalArgumentException(
            "%s has no output \"%s\" (what exists: %s)"
                .formatted(key, name, String.join(", ", specs.keySet())));
      }
      NativeTensors.requireHeld("%s output \"%s\"".formatted(key, name), specs.get(name).dtype());
    }
    return asked;
  }

  /** Adds what a session does not: the values of the inputs that were left out. */
  private void fillIn(String key, Map<String, Tensor> tensors, List<Tensor> made) {
    contract
        .defaults(key)
        .forEach(
            (name, value) -> {
              if (!tensors.containsKey(name)) {
                tensors.put(name, tensor(key, name, value, made));
              }
            });
  }

  private static Tensor tensor(String key, String name, TensorValue value, List<Tensor> made) {
    NativeTensors.requireHeld("%s input \"%s\"".formatted(key, name), value.dtype());
    Tensor tensor = NativeTensors.of(value);
    made.add(tensor);
    return tensor;
  }

  private void checkAnswer(
      String key, Map<String, TensorValue> answer, Collection<String> outputs, String subject) {
    if (!checked) {
      return;
    }
    List<Difference> differences = contract.answerDifferences(key, key, answer, outputs);
    if (!differences.isEmpty()) {
      throw new ContractMismatchException(subject, differences);
    }
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
