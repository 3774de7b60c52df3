package io.thecodeforge.ml.grpc;

import com.google.protobuf.Any;
import com.google.protobuf.Int64Value;
import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.thecodeforge.ml.InvalidInputException;
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
  private final ModelSpec spec;
  private final Contract contract; // null where the server decides

  private ModelGrpcClient(Builder builder) {
    if (builder.channel == null) {
      ManagedChannel owned =
          Grpc.newChannelBuilder(builder.target, builder.credentials)
              .defaultServiceConfig(serviceConfig())
              .enableRetry()
              .build();
      server = new ServerConnection(owned, owned, builder.target, builder.deadline);
    } else {
      server = new ServerConnection(builder.channel, null, builder.target, builder.deadline);
    }
    contract = builder.contract;
    spec = builder.spec.setName(builder.modelName()).build();
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
   * Returns gRPC's service config of the client's own channels, for {@link
   * io.grpc.ManagedChannelBuilder#defaultServiceConfig}: UNAVAILABLE is retried three times, with
   * backoff from 0.1 s to 2 s, within the deadline of the call.
   */
  public static Map<String, Object> serviceConfig() {
    return Map.of(
        "loadBalancingConfig",
        List.of(Map.of("round_robin", Map.of())),
        "methodConfig",
        List.of(
            Map.of(
                "name",
                List.of(
                    Map.of("service", ServingMethods.SERVICE),
                    Map.of("service", ServingMethods.MODEL_SERVICE)),
                "retryPolicy",
                Map.of(
                    "maxAttempts",
                    4.0,
                    "initialBackoff",
                    "0.1s",
                    "maxBackoff",
                    "2s",
                    "backoffMultiplier",
                    3.0,
                    "retryableStatusCodes",
                    List.of("UNAVAILABLE")))));
  }

  /** Settings of a client. */
  public static final class Builder {
    private final String target;
    private final Channel channel;
    private final ModelSpec.Builder spec = ModelSpec.newBuilder();
    private ChannelCredentials credentials = InsecureChannelCredentials.create();
    private Contract contract;
    private String model;
    private Duration deadline = DEFAULT_DEADLINE;

    private Builder(String target, Channel channel) {
      this.target = target;
      this.channel = channel;
    }

    /**
     * Sets what requests, answers and the server are held to, by default nothing.
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
      this.model = Objects.requireNonNull(model, "model");
      return this;
    }

    /**
     * Asks one version only, by default the server's choice: the newest.
     *
     * @param version its number
     */
    public Builder version(long version) {
      spec.setVersion(Int64Value.of(version));
      return this;
    }

    /**
     * Asks the version that the server gives a label, instead of a number.
     *
     * @param label for instance {@code stable}
     */
    public Builder label(String label) {
      spec.setVersionLabel(label);
      return this;
    }

    /**
     * Sets the time that each call has, retries included.
     *
     * @param deadline a positive time
     */
    public Builder deadline(Duration deadline) {
      if (deadline.isNegative() || deadline.isZero()) {
        throw new IllegalArgumentException("expected a positive deadline, received " + deadline);
      }
      this.deadline = deadline;
      return this;
    }

    /**
     * Sets the credentials of the channel that the client opens, by default none (plain text).
     *
     * @param credentials for instance {@code TlsChannelCredentials.create()}
     * @throws IllegalStateException when the channel is the caller's
     */
    public Builder credentials(ChannelCredentials credentials) {
      if (channel != null) {
        throw new IllegalStateException(
            "the channel is open already: give the credentials to its own builder");
      }
      this.credentials = Objects.requireNonNull(credentials, "credentials");
      return this;
    }

    private String modelName() {
      if (model == null && contract == null) {
        throw new IllegalStateException(
            "which model? Name it: builder(…).model(\"classifier\"), or give its contract");
      }
      return model == null ? contract.model() : model;
    }

    /**
     * Returns the client; it connects with its first call.
     *
     * @throws IllegalStateException when neither a model nor a contract is named
     */
    public ModelGrpcClient build() {
      return new ModelGrpcClient(this);
    }
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
    if (contract != null) {
      List<Difference> differences = contract.requestDifferences(signature, inputs);
      if (!differences.isEmpty()) {
        throw new RequestRefusedException(spec.getName(), signature, "sent", differences);
      }
    }
    Map<String, TensorValue> tensors = new LinkedHashMap<>();
    if (contract != null) {
      tensors.putAll(contract.defaults(signature)); // not every server fills them in
    }
    tensors.putAll(inputs);
    Map<String, TensorProto> messages = new LinkedHashMap<>();
    tensors.forEach((name, value) -> messages.put(name, TensorProtos.of(value)));
    Map<String, TensorValue> answer = new LinkedHashMap<>();
    ask(signature, messages, outputs)
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

  /** Sends a request as it is and returns the answer as it came. */
  PredictResponse ask(
      String signature, Map<String, TensorProto> inputs, Collection<String> outputs) {
    PredictRequest request =
        PredictRequest.newBuilder()
            .setModelSpec(spec.toBuilder().setSignatureName(signature))
            .putAllInputs(inputs)
            .addAllOutputFilter(outputs)
            .build();
    return server.call(ServingMethods.PREDICT, request);
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
            .setModelSpec(spec)
            .addMetadataField(SIGNATURE_FIELD)
            .build();
    GetModelMetadataResponse response = server.call(ServingMethods.GET_MODEL_METADATA, request);
    try {
      Any packed = response.getMetadataOrDefault(SIGNATURE_FIELD, Any.getDefaultInstance());
      return new ModelMetadata(
          spec.getName(),
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
    return "the model \"%s\" at %s".formatted(spec.getName(), server.target());
  }

  /**
   * Asks where the model's versions are in their lives, the newest first.
   *
   * @throws ServerException when the call fails, for instance NOT_FOUND
   * @throws IllegalStateException after {@link #close}
   */
  public List<VersionStatus> status() {
    GetModelStatusRequest request = GetModelStatusRequest.newBuilder().setModelSpec(spec).build();
    return server
        .call(ServingMethods.GET_MODEL_STATUS, request)
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

  /**
   * Ends the client. A channel of its own takes no new calls; running ones may finish within their
   * deadline. Closing again does nothing.
   */
  @Override
  public void close() {
    server.close();
  }
}
