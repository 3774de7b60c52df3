package io.thecodeforge.ml.grpc;

import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.Detections;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.answer.ClassifierAnswer;
import io.thecodeforge.ml.answer.DetectorAnswer;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.grpc.proto.PredictResponse;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import io.thecodeforge.ml.image.ImageBatch;
import io.thecodeforge.ml.image.ImageInput;
import io.thecodeforge.ml.image.ImageInputs;
import io.thecodeforge.ml.model.ModelMetadata;
import io.thecodeforge.ml.model.VisionModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

/**
 * Asks a classifier or a detector on a server that speaks TensorFlow Serving's gRPC API: {@link
 * ModelGrpcClient} with images for inputs and plain values for answers.
 *
 * <p>Thread-safe: one client for all threads. Needs nothing of TensorFlow.
 *
 * <pre>{@code
 * try (VisionGrpcClient client = VisionGrpcClient.builder("localhost:8500").build()) {
 *   client.checkContract();
 *   Classification answer = client.classify(Files.readAllBytes(Path.of("cat.jpg")));
 * }
 * }</pre>
 */
public final class VisionGrpcClient implements VisionModel {

  /** Time that each call has, retries included, unless the builder says otherwise. */
  public static final Duration DEFAULT_DEADLINE = ModelGrpcClient.DEFAULT_DEADLINE;

  private final ModelGrpcClient client;
  private final Contract contract;

  private VisionGrpcClient(Builder builder) {
    contract = builder.contract;
    client = builder.client.contract(contract).build();
  }

  /**
   * Starts a client that opens its own channel, with retries and round robin over all addresses of
   * the target, and closes it.
   *
   * @param target {@code host:port}, or any gRPC name such as {@code dns:///vision:8500}
   */
  public static Builder builder(String target) {
    return new Builder(ModelGrpcClient.builder(target));
  }

  /**
   * Starts a client on a channel that stays the caller's: its settings hold, and {@link #close}
   * leaves it open. {@link #serviceConfig} has the retries that the client would set itself.
   *
   * @param channel an open channel
   */
  public static Builder builder(Channel channel) {
    return new Builder(ModelGrpcClient.builder(channel));
  }

  /**
   * Returns gRPC's service config of the client's own channels, for {@link
   * io.grpc.ManagedChannelBuilder#defaultServiceConfig}: UNAVAILABLE is retried three times, with
   * backoff from 0.1 s to 2 s, within the deadline of the call.
   */
  public static Map<String, Object> serviceConfig() {
    return ModelGrpcClient.serviceConfig();
  }

  /** Settings of a client. */
  public static final class Builder {
    private final ModelGrpcClient.Builder client;
    private Contract contract = Contract.ofModel(ClassifierAnswer.MODEL);

    private Builder(ModelGrpcClient.Builder client) {
      this.client = client;
    }

    /**
     * Sets what the server is held to, by default this toolkit's contract of the classifier. A
     * published version's ({@link Contract#ofVersion}) also fixes the class names and their order.
     *
     * @param contract the contract
     */
    public Builder contract(Contract contract) {
      this.contract = Objects.requireNonNull(contract, "contract");
      return this;
    }

    /**
     * Sets the name under which the server has the model, by default the contract's.
     *
     * @param model the name
     */
    public Builder model(String model) {
      client.model(model);
      return this;
    }

    /**
     * Asks one version only, by default the server's choice: the newest.
     *
     * @param version its number
     */
    public Builder version(long version) {
      client.version(version);
      return this;
    }

    /**
     * Asks the version that the server gives a label, instead of a number.
     *
     * @param label for instance {@code stable}
     */
    public Builder label(String label) {
      client.label(label);
      return this;
    }

    /**
     * Sets the time that each call has, retries included.
     *
     * @param deadline a positive time
     */
    public Builder deadline(Duration deadline) {
      client.deadline(deadline);
      return this;
    }

    /**
     * Sets the credentials of the channel that the client opens, by default none (plain text).
     *
     * @param credentials for instance {@code TlsChannelCredentials.create()}
     * @throws IllegalStateException when the channel is the caller's
     */
    public Builder credentials(ChannelCredentials credentials) {
      client.credentials(credentials);
      return this;
    }

    /** Returns the client; it connects with its first call. */
    public VisionGrpcClient build() {
      return new VisionGrpcClient(this);
    }
  }

  /**
   * Compares what the server declares (GetModelMetadata) with the contract. Class names show only
   * in answers and are checked in each of them.
   *
   * @throws ContractMismatchException with every difference
   * @throws ServerException when the call fails
   * @throws IllegalStateException after {@link #close}
   */
  public void checkContract() {
    client.checkContract();
  }

  @Override
  public Contract contract() {
    return contract;
  }

  @Override
  public ModelMetadata metadata() {
    return client.metadata();
  }

  @Override
  public Map<String, TensorValue> predict(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
    return client.predict(signature, inputs, outputs);
  }

  @Override
  public List<Classification> classifyAll(Collection<? extends ImageInput> images) {
    require("classify", ClassifierAnswer.MODEL);
    return answers(images, answer -> answer.classifier().classifications());
  }

  @Override
  public List<Detections> detectAll(Collection<? extends ImageInput> images) {
    require("detect", DetectorAnswer.MODEL);
    return answers(images, answer -> answer.detector().detections());
  }

  private void require(String method, String model) {
    if (!contract.model().equals(model)) {
      throw new UnsupportedOperationException(
          "%s needs a %s, the client's contract is a %s's: builder(…).contract(Contract.ofModel(\"%s\"))"
              .formatted(method, model, contract.model(), model));
    }
  }

  private <T> List<T> answers(
      Collection<? extends ImageInput> images, Function<PredictAnswer, List<T>> read) {
    List<ImageBatch> batches = ImageBatch.of(images, Integer.MAX_VALUE);
    List<List<T>> answers = new ArrayList<>(batches.size());
    for (ImageBatch batch : batches) {
      answers.add(read.apply(ask(batch)));
    }
    return ImageBatch.inOrder(batches, answers);
  }

  private PredictAnswer ask(ImageBatch batch) {
    if (batch instanceof ImageBatch.Pixels pixels) {
      return ask(
          ImageInputs.PIXELS_SIGNATURE,
          ImageInputs.PIXELS_INPUT,
          TensorProtos.pixels(pixels.rgb(), pixels.shape()),
          pixels.shape().count());
    }
    List<byte[]> files = ((ImageBatch.Files) batch).files();
    return ask(
        ImageInputs.ENCODED_SIGNATURE,
        ImageInputs.ENCODED_INPUT,
        TensorProtos.encoded(files),
        files.size());
  }

  private PredictAnswer ask(String key, String inputName, TensorProto input, int count) {
    try {
      PredictResponse answer = client.ask(key, Map.of(inputName, input), List.of());
      return new PredictAnswer(
          contract,
          key,
          answer.getOutputsMap(),
          count,
          ModelGrpcClient.versionOf(answer.getModelSpec()));
    } catch (InvalidInputException e) {
      throw new InvalidImageException(e.getMessage(), e.getCause());
    }
  }

  /**
   * Ends the client. A channel of its own takes no new calls; running ones may finish within their
   * deadline. Closing again does nothing.
   */
  @Override
  public void close() {
    client.close();
  }
}
