package io.thecodeforge.ml.grpc;

import io.grpc.Channel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.Detections;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.answer.ClassifierAnswer;
import io.thecodeforge.ml.answer.DetectorAnswer;
import io.thecodeforge.ml.answer.Futures;
import io.thecodeforge.ml.answer.Refusal;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.grpc.proto.PredictRequest;
import io.thecodeforge.ml.grpc.proto.PredictResponse;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import io.thecodeforge.ml.image.ImageBatch;
import io.thecodeforge.ml.image.ImageInput;
import io.thecodeforge.ml.image.ImageInputs;
import io.thecodeforge.ml.image.RefusedFile;
import io.thecodeforge.ml.model.ModelMetadata;
import io.thecodeforge.ml.model.VisionModel;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
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

  /** How many calls are under way at once where images need several. */
  private static final int CALLS_AT_ONCE = 8;

  private final ModelGrpcClient client;
  private final Contract contract;

  private VisionGrpcClient(ModelGrpcClient client) {
    this.client = client;
    this.contract = client.contract();
  }

  /**
   * Starts a client that opens its own channel, with retries and round robin over all addresses of
   * the target, and closes it.
   *
   * @param target {@code host:port}, or any gRPC name such as {@code dns:///vision:8500}
   */
  public static Builder builder(String target) {
    return new Builder(target, null);
  }

  /**
   * Starts a client on a channel that stays the caller's: its settings hold, and {@link #close}
   * leaves it open. {@link #serviceConfig} has the retries that the client would set itself.
   *
   * @param channel an open channel
   */
  public static Builder builder(Channel channel) {
    Objects.requireNonNull(channel, "expected a channel, received null");
    return new Builder(channel.authority(), channel);
  }

  /** Returns gRPC's service config, as {@link ModelGrpcClient#serviceConfig}. */
  public static Map<String, Object> serviceConfig() {
    return ModelGrpcClient.serviceConfig();
  }

  /**
   * Gives a channel of your own what the client's own channels have: retries, with buffers that
   * hold a whole request, and limits of messages.
   *
   * @param channel the channel's builder
   * @return the same builder
   */
  public static ManagedChannelBuilder<?> configure(ManagedChannelBuilder<?> channel) {
    return ModelGrpcClient.configure(channel);
  }

  /**
   * Gives a channel of your own settings of a client's.
   *
   * @param channel the channel's builder
   * @param settings retries, hedging, pings, compression, limits and load balancing
   * @return the same builder
   */
  public static ManagedChannelBuilder<?> configure(
      ManagedChannelBuilder<?> channel, ConnectionSettings settings) {
    return ModelGrpcClient.configure(channel, settings);
  }

  /** Settings of a client; its contract is by default this toolkit's of the classifier. */
  public static final class Builder extends ClientBuilder<Builder> {

    private Builder(String target, Channel channel) {
      super(target, channel);
      contract(Contract.ofModel(ClassifierAnswer.MODEL));
    }

    @Override
    Builder self() {
      return this;
    }

    /** Returns the client; it connects with its first call. */
    public VisionGrpcClient build() {
      return new VisionGrpcClient(ModelGrpcClient.of(this));
    }
  }

  /**
   * Returns this client with other settings for its calls. It shares the connection, which is
   * closed with the client that was built, not with this one.
   *
   * @param call what differs from this client's settings
   */
  public VisionGrpcClient with(CallSettings call) {
    return new VisionGrpcClient(client.with(call));
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

  /** Asks where the model's versions are, as {@link ModelGrpcClient#status}. */
  public List<VersionStatus> status() {
    return client.status();
  }

  /** Returns the address that is asked. */
  public String target() {
    return client.target();
  }

  @Override
  public CompletableFuture<Map<String, TensorValue>> predictAsync(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
    return client.predictAsync(signature, inputs, outputs);
  }

  @Override
  public List<Classification> classifyAll(Collection<? extends ImageInput> images) {
    require("classify", ClassifierAnswer.MODEL);
    return answers(images, answer -> answer.classifier().classifications());
  }

  @Override
  public CompletableFuture<List<Classification>> classifyAllAsync(
      Collection<? extends ImageInput> images) {
    require("classify", ClassifierAnswer.MODEL);
    return answersAsync(batches(images), answer -> answer.classifier().classifications());
  }

  @Override
  public List<Detections> detectAll(Collection<? extends ImageInput> images) {
    require("detect", DetectorAnswer.MODEL);
    return answers(images, answer -> answer.detector().detections());
  }

  @Override
  public CompletableFuture<List<Detections>> detectAllAsync(
      Collection<? extends ImageInput> images) {
    require("detect", DetectorAnswer.MODEL);
    return answersAsync(batches(images), answer -> answer.detector().detections());
  }

  private void require(String method, String model) {
    if (!contract.model().equals(model)) {
      throw new UnsupportedOperationException(
          "%s needs a %s, the client's contract is a %s's: builder(…).contract(Contract.ofModel(\"%s\"))"
              .formatted(method, model, contract.model(), model));
    }
  }

  private List<ImageBatch> batches(Collection<? extends ImageInput> images) {
    return ImageBatch.of(images, client.settings().batchSize());
  }

  private <T> List<T> answers(
      Collection<? extends ImageInput> images, Function<PredictAnswer, List<T>> read) {
    List<ImageBatch> batches = batches(images);
    if (batches.size() > 1) {
      return waitFor(answersAsync(batches, read));
    }
    ImageBatch batch = batches.get(0);
    PredictRequest request = request(batch);
    long begun = System.nanoTime();
    try {
      return read.apply(answer(request, batch, client.ask(request)));
    } catch (InvalidInputException e) {
      throw waitFor(explained(batch, e, begun));
    }
  }

  private <T> CompletableFuture<List<T>> answersAsync(
      List<ImageBatch> batches, Function<PredictAnswer, List<T>> read) {
    CompletableFuture<List<List<T>>> answers =
        SideBySide.run(batches, CALLS_AT_ONCE, batch -> answersAsync(batch, read));
    return Futures.then(answers, all -> ImageBatch.inOrder(batches, all));
  }

  private <T> CompletableFuture<List<T>> answersAsync(
      ImageBatch batch, Function<PredictAnswer, List<T>> read) {
    PredictRequest request = request(batch);
    long begun = System.nanoTime();
    CompletableFuture<PredictResponse> call = client.askAsync(request);
    CompletableFuture<List<T>> answers = new CompletableFuture<>();
    Futures.then(call, response -> read.apply(answer(request, batch, response)))
        .whenComplete(
            (value, failure) -> {
              if (failure instanceof InvalidInputException refusal) {
                explained(batch, refusal, begun)
                    .whenComplete((why, other) -> answers.completeExceptionally(why));
              } else if (failure != null) {
                answers.completeExceptionally(failure);
              } else {
                answers.complete(value);
              }
            });
    Futures.cancelWith(answers, call);
    return answers;
  }

  private PredictRequest request(ImageBatch batch) {
    if (batch instanceof ImageBatch.Pixels pixels) {
      TensorProto tensor = TensorProtos.pixels(pixels.rgb(), pixels.shape());
      return client
          .request(ImageInputs.PIXELS_SIGNATURE, Map.of(ImageInputs.PIXELS_INPUT, tensor))
          .build();
    }
    TensorProto tensor = TensorProtos.encoded(((ImageBatch.Files) batch).contents());
    return client
        .request(ImageInputs.ENCODED_SIGNATURE, Map.of(ImageInputs.ENCODED_INPUT, tensor))
        .build();
  }

  private PredictAnswer answer(PredictRequest asked, ImageBatch batch, PredictResponse response) {
    return new PredictAnswer(
        contract,
        asked.getModelSpec().getSignatureName(),
        response.getOutputsMap(),
        batch.positions().size(),
        ModelGrpcClient.versionOf(response.getModelSpec()));
  }

  /** Returns a refusal as one of an image, with its place, where it is about one. */
  private CompletableFuture<? extends InvalidInputException> explained(
      ImageBatch batch, InvalidInputException e, long begun) {
    Optional<InvalidImageException> refusal = ofImage(e);
    if (refusal.isEmpty()) {
      return CompletableFuture.completedFuture(e);
    }
    return batch instanceof ImageBatch.Files files
        ? RefusedFile.find(files, refusal.get(), part -> refusal(part, begun))
        : CompletableFuture.completedFuture(refusal.get());
  }

  private static Optional<InvalidImageException> ofImage(InvalidInputException e) {
    boolean isOfImage =
        e.getCause() instanceof StatusRuntimeException status
            && Refusal.about(status.getStatus().getDescription()) == Refusal.About.IMAGE;
    return isOfImage
        ? Optional.of(new InvalidImageException(e.getMessage(), e.getCause()))
        : Optional.empty();
  }

  /** Asks about some files; has their refusal, or nothing when they are answered. */
  private CompletableFuture<Optional<InvalidImageException>> refusal(
      ImageBatch.Files files, long begun) {
    // The deadline is for all that a caller waits for.
    Duration left = client.settings().deadline().minusNanos(System.nanoTime() - begun);
    if (left.isNegative() || left.isZero()) {
      return CompletableFuture.failedFuture(new TimeoutException("no time is left to ask again"));
    }
    return client
        .with(CallSettings.DEFAULT.deadline(left))
        .askAsync(request(files))
        .handle(
            (answer, failure) -> {
              if (failure == null) {
                return Optional.empty();
              }
              Throwable cause = Futures.cause(failure);
              if (cause instanceof InvalidInputException refusal && ofImage(refusal).isPresent()) {
                return ofImage(refusal);
              }
              throw new CompletionException(cause);
            });
  }

  private <T> T waitFor(CompletableFuture<T> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      future.cancel(true);
      Thread.currentThread().interrupt();
      throw new CallInterruptedException(client.target(), e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw new IllegalStateException("a call failed in an unknown way", e.getCause());
    }
  }

  /**
   * Ends the client. A channel of its own takes no new calls; running ones may finish within their
   * deadline. Closing again, or closing what {@link #with} returned, does nothing.
   */
  @Override
  public void close() {
    client.close();
  }
}
