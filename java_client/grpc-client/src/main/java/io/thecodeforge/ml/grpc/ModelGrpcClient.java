package io.thecodeforge.ml.grpc;

import com.google.protobuf.Any;
import com.google.protobuf.Int64Value;
import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.Channel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.answer.Futures;
import io.thecodeforge.ml.answer.Refusal;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.Difference;
import io.thecodeforge.ml.contract.RequestRefusedException;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.grpc.proto.GetModelMetadataRequest;
import io.thecodeforge.ml.grpc.proto.GetModelMetadataResponse;
import io.thecodeforge.ml.grpc.proto.GetModelStatusRequest;
import io.thecodeforge.ml.grpc.proto.ModelSpec;
import io.thecodeforge.ml.grpc.proto.ModelVersionStatus;
import io.thecodeforge.ml.grpc.proto.PredictRequest;
import io.thecodeforge.ml.grpc.proto.PredictResponse;
import io.thecodeforge.ml.grpc.proto.SignatureDefMap;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import io.thecodeforge.ml.model.Model;
import io.thecodeforge.ml.model.ModelMetadata;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;

/**
 * Asks any model on a server that speaks TensorFlow Serving's gRPC API, with tensors of any dtype.
 *
 * <p>With a contract, each request is held to it before it is sent, and each answer before it is
 * read: names, dtypes, shapes, ranges and the order of the classes. Without one, the server
 * decides.
 *
 * <p>Thread-safe: one client for all threads. Needs nothing of TensorFlow.
 *
 * <pre>{@code
 * Contract contract = Contract.load(Path.of("contract.json"));
 * try (ModelGrpcClient client =
 *     ModelGrpcClient.builder("localhost:8500").contract(contract).build()) {
 *   client.checkContract();
 *   Map<String, TensorValue> answer =
 *       client.predict(Map.of("x", TensorValue.of(new float[] {1, 2, 3}, 3)));
 *   float[] y = answer.get("y").floats();
 * }
 * }</pre>
 */
public final class ModelGrpcClient implements Model {

  /** Time that each call has, retries included, unless the builder says otherwise. */
  public static final Duration DEFAULT_DEADLINE = Duration.ofSeconds(10);

  private static final String SIGNATURE_FIELD = "signature_def";
  private static final String ANSWER = "the server's answer";

  private final ServerConnection server;
  private final String model;
  private final CallSettings settings;
  private final Contract contract; // null where the server decides
  private final boolean isView; // of a client that closes the connection

  private ModelGrpcClient(
      ServerConnection server,
      String model,
      CallSettings settings,
      Contract contract,
      boolean isView) {
    this.server = server;
    this.model = model;
    this.settings = settings;
    this.contract = contract;
    this.isView = isView;
  }

  /**
   * Starts a client that opens its own channel, with retries and round robin over all addresses of
   * the target, and closes it.
   *
   * @param target {@code host:port}, or any gRPC name such as {@code dns:///models:8500}
   */
  public static Builder builder(String target) {
    return new Builder(Objects.requireNonNull(target, "target"), null);
  }

  /**
   * Starts a client on a channel that stays the caller's: its settings hold, and {@link #close}
   * leaves it open. {@link #serviceConfig} has the retries that the client would set itself.
   *
   * @param channel an open channel
   */
  public static Builder builder(Channel channel) {
    return new Builder(channel.authority(), channel);
  }

  /**
   * Returns gRPC's service config of the client's own channels: UNAVAILABLE is retried four times,
   * with backoff from 0.1 s to 2 s, within the deadline of the call. A channel of your own also
   * wants larger retry buffers: {@link #configure(ManagedChannelBuilder)}.
   */
  public static Map<String, Object> serviceConfig() {
    return ConnectionSettings.DEFAULT.serviceConfig();
  }

  /**
   * Gives a channel of your own what the client's own channels have: retries, with buffers that
   * hold a whole request, and limits of messages.
   *
   * @param channel the channel's builder
   * @return the same builder
   */
  public static ManagedChannelBuilder<?> configure(ManagedChannelBuilder<?> channel) {
    return configure(channel, ConnectionSettings.DEFAULT);
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
    return settings.applyTo(channel);
  }

  /** Settings of a client. */
  public static final class Builder extends ClientBuilder<Builder> {

    private Builder(String target, Channel channel) {
      super(target, channel);
    }

    @Override
    Builder self() {
      return this;
    }

    /**
     * Returns the client; it connects with its first call.
     *
     * @throws IllegalStateException when neither a model nor a contract is named
     */
    public ModelGrpcClient build() {
      return of(this);
    }
  }

  static ModelGrpcClient of(ClientBuilder<?> builder) {
    String model = builder.modelName();
    return new ModelGrpcClient(
        builder.connect(), model, builder.calls(), builder.contract(), false);
  }

  /**
   * Returns this client with other settings for its calls. It shares the connection, which is
   * closed with the client that was built, not with this one.
   *
   * @param call what differs from this client's settings
   */
  public ModelGrpcClient with(CallSettings call) {
    Objects.requireNonNull(call, "expected settings of a call, received null");
    return new ModelGrpcClient(server, model, settings.under(call), contract, true);
  }

  /**
   * Asks a signature for some of its outputs.
   *
   * @param signature the signature key
   * @param inputs tensor by input name, whose arrays are not to be changed meanwhile; an input that
   *     has a default value may be left out
   * @param outputs names of the outputs to compute and send; empty for all
   * @return tensor by output name
   * @throws RequestRefusedException when the request is not what the contract says; it is not sent
   * @throws InvalidInputException when the server refuses it (INVALID_ARGUMENT)
   * @throws ContractMismatchException when the answer is not what the contract says, or no tensors
   * @throws ServerException when the call fails
   * @throws IllegalStateException after {@link #close}
   */
  @Override
  public Map<String, TensorValue> predict(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
    PredictRequest request = request(signature, inputs, outputs);
    return read(signature, outputs, ask(request));
  }

  @Override
  public CompletableFuture<Map<String, TensorValue>> predictAsync(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
    PredictRequest request = request(signature, inputs, outputs);
    return Futures.then(askAsync(request), answer -> read(signature, outputs, answer));
  }

  private PredictRequest request(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
    Objects.requireNonNull(signature, "expected a signature key, received null");
    Objects.requireNonNull(inputs, "expected tensors by input name, received null");
    Objects.requireNonNull(outputs, "expected names of outputs, received null: List.of() for all");
    Map<String, TensorValue> tensors = new LinkedHashMap<>();
    if (contract != null) {
      List<Difference> differences = contract.requestDifferences(signature, inputs);
      if (!differences.isEmpty()) {
        throw new RequestRefusedException(model, signature, "sent", differences);
      }
      tensors.putAll(contract.defaults(signature)); // not every server fills them in
    }
    tensors.putAll(inputs);
    Map<String, TensorProto> messages = new LinkedHashMap<>();
    tensors.forEach((name, value) -> messages.put(name, TensorProtos.of(value)));
    return request(signature, messages).addAllOutputFilter(outputs).build();
  }

  private Map<String, TensorValue> read(
      String signature, Collection<String> outputs, PredictResponse response) {
    Map<String, TensorValue> answer = new LinkedHashMap<>();
    response
        .getOutputsMap()
        .forEach(
            (name, tensor) -> {
              String where = "%s output \"%s\"".formatted(signature, name);
              answer.put(name, TensorProtos.value(where, tensor, ANSWER));
            });
    if (contract != null) {
      List<Difference> differences =
          contract.answerDifferences(signature, signature, answer, outputs);
      if (!differences.isEmpty()) {
        throw new ContractMismatchException(ANSWER, differences);
      }
    }
    return answer;
  }

  /** Begins a request with messages as they are. */
  PredictRequest.Builder request(String signature, Map<String, TensorProto> inputs) {
    return PredictRequest.newBuilder()
        .setModelSpec(spec().setSignatureName(signature))
        .putAllInputs(inputs);
  }

  private ModelSpec.Builder spec() {
    ModelSpec.Builder spec = ModelSpec.newBuilder().setName(model);
    if (settings.version() != null) {
      spec.setVersion(Int64Value.of(settings.version()));
    } else if (settings.label() != null) {
      spec.setVersionLabel(settings.label());
    }
    return spec;
  }

  /** Sends a request as it is and returns the answer as it came. */
  PredictResponse ask(PredictRequest request) {
    try {
      return server.call(ServingMethods.PREDICT, request, settings);
    } catch (InvalidInputException | ServerException e) {
      throw understood(request, e);
    }
  }

  /** Does as {@link #ask} without waiting. */
  CompletableFuture<PredictResponse> askAsync(PredictRequest request) {
    CompletableFuture<PredictResponse> answer = new CompletableFuture<>();
    CompletableFuture<PredictResponse> call =
        server.start(ServingMethods.PREDICT, request, settings);
    call.whenComplete(
        (response, failure) -> {
          if (failure == null) {
            answer.complete(response);
          } else {
            answer.completeExceptionally(
                failure instanceof VisionException known ? understood(request, known) : failure);
          }
        });
    Futures.cancelWith(answer, call);
    return answer;
  }

  /** A server whose signature is another than the contract's breaks it: no input would do. */
  private VisionException understood(PredictRequest request, VisionException failure) {
    boolean isAboutSignature =
        failure.getCause() instanceof StatusRuntimeException status
            && Refusal.about(status.getStatus().getDescription()) == Refusal.About.SIGNATURE;
    if (contract == null || !isAboutSignature) {
      return failure;
    }
    return new ContractMismatchException(
        subject(),
        List.of(
            new Difference(
                "request-refused",
                request.getModelSpec().getSignatureName(),
                "a request that the contract allows to be answered",
                failure.getMessage())),
        failure);
  }

  /**
   * Asks what the server declares of the model.
   *
   * @throws ContractMismatchException when the answer holds no signatures
   * @throws ServerException when the call fails
   * @throws IllegalStateException after {@link #close}
   */
  @Override
  public ModelMetadata metadata() {
    GetModelMetadataRequest request =
        GetModelMetadataRequest.newBuilder()
            .setModelSpec(spec())
            .addMetadataField(SIGNATURE_FIELD)
            .build();
    GetModelMetadataResponse response =
        server.call(ServingMethods.GET_MODEL_METADATA, request, settings);
    try {
      Any packed = response.getMetadataOrDefault(SIGNATURE_FIELD, Any.getDefaultInstance());
      return new ModelMetadata(
          model,
          versionOf(response.getModelSpec()),
          SignatureReader.signatures(packed.unpack(SignatureDefMap.class).getSignatureDefMap()));
    } catch (InvalidProtocolBufferException e) {
      throw new ContractMismatchException(
          subject(),
          List.of(
              new Difference(
                  "unreadable",
                  "metadata \"%s\"".formatted(SIGNATURE_FIELD),
                  "a tensorflow.serving.SignatureDefMap",
                  "something else",
                  List.copyOf(response.getMetadataMap().keySet()))));
    }
  }

  /**
   * Compares what the server declares (GetModelMetadata) with the contract. Class names show only
   * in answers and are checked in each of them.
   *
   * @throws ContractMismatchException with every difference
   * @throws ServerException when the call fails
   * @throws IllegalStateException after {@link #close}, or when the client has no contract
   */
  public void checkContract() {
    contract().check(metadata().signatures(), subject());
  }

  @Override
  public Contract contract() {
    if (contract == null) {
      throw new IllegalStateException(
          "the client has no contract: builder(…).contract(Contract.load(path))");
    }
    return contract;
  }

  /** Returns the version that an answer names, where it names one. */
  static OptionalLong versionOf(ModelSpec answered) {
    return answered.hasVersion()
        ? OptionalLong.of(answered.getVersion().getValue())
        : OptionalLong.empty();
  }

  private String subject() {
    return "the model \"%s\" at %s".formatted(model, server.target());
  }

  /**
   * Asks where the model's versions are in their lives, the newest first.
   *
   * @throws ServerException when the call fails, for instance NOT_FOUND
   * @throws IllegalStateException after {@link #close}
   */
  public List<VersionStatus> status() {
    GetModelStatusRequest request = GetModelStatusRequest.newBuilder().setModelSpec(spec()).build();
    return server
        .call(ServingMethods.GET_MODEL_STATUS, request, settings)
        .getModelVersionStatusList()
        .stream()
        .map(ModelGrpcClient::status)
        .toList();
  }

  private static VersionStatus status(ModelVersionStatus message) {
    VersionStatus.State state =
        switch (message.getState()) {
          case START -> VersionStatus.State.START;
          case LOADING -> VersionStatus.State.LOADING;
          case AVAILABLE -> VersionStatus.State.AVAILABLE;
          case UNLOADING -> VersionStatus.State.UNLOADING;
          case END -> VersionStatus.State.END;
          default -> VersionStatus.State.UNKNOWN;
        };
    boolean failed = message.getStatus().getErrorCodeValue() != 0;
    String error =
        failed
            ? "%s: %s"
                .formatted(
                    message.getStatus().getErrorCode(), message.getStatus().getErrorMessage())
            : "";
    return new VersionStatus(message.getVersion(), state, error);
  }

  /** Returns the address that is asked. */
  public String target() {
    return server.target();
  }

  /** Returns what the client's calls have of their own. */
  CallSettings settings() {
    return settings;
  }

  /**
   * Ends the client. A channel of its own takes no new calls; running ones may finish within their
   * deadline. Closing again, or closing what {@link #with} returned, does nothing.
   */
  @Override
  public void close() {
    if (!isView) {
      server.close(settings.deadline());
    }
  }
}
