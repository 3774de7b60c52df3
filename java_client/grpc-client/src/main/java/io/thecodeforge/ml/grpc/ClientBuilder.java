package io.thecodeforge.ml.grpc;

import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.thecodeforge.ml.contract.Contract;
import java.time.Duration;
import java.util.Objects;

/**
 * Settings that every client has.
 *
 * @param <B> the client's own builder
 */
public abstract sealed class ClientBuilder<B extends ClientBuilder<B>>
    permits ModelGrpcClient.Builder, VisionGrpcClient.Builder {

  private final String target;
  private final Channel channel; // null: to be opened
  private ConnectionSettings connection; // null: the default, of a channel to be opened
  private ChannelCredentials credentials;
  private String authority;
  private String model;
  private CallSettings calls = CallSettings.DEFAULT.deadline(ModelGrpcClient.DEFAULT_DEADLINE);
  private Contract contract;

  ClientBuilder(String target, Channel channel) {
    this.target = Objects.requireNonNull(target, "expected a target, received null");
    this.channel = channel;
  }

  abstract B self();

  /**
   * Sets what requests, answers and the server are held to.
   *
   * @param contract the contract; a published version's ({@link Contract#ofVersion}) also fixes the
   *     class names and their order
   */
  public B contract(Contract contract) {
    this.contract = Objects.requireNonNull(contract, "expected a contract, received null");
    return self();
  }

  /**
   * Sets the name under which the server has the model, by default the contract's.
   *
   * @param model the name
   */
  public B model(String model) {
    this.model = Objects.requireNonNull(model, "expected a model's name, received null");
    return self();
  }

  /**
   * Asks one version only, by default the server's choice: the newest.
   *
   * @param version its number
   */
  public B version(long version) {
    calls = calls.version(version);
    return self();
  }

  /**
   * Asks the version that the server gives a label, instead of a number.
   *
   * @param label for instance {@code stable}
   */
  public B label(String label) {
    calls = calls.label(label);
    return self();
  }

  /**
   * Sets the time that each call has, all its attempts together; by default 10 s.
   *
   * @param deadline above zero and at most 365 days
   * @throws IllegalArgumentException when it is not
   */
  public B deadline(Duration deadline) {
    calls = calls.deadline(deadline);
    return self();
  }

  /**
   * Sets headers of every call, for instance a token.
   *
   * @param headers gRPC's headers, text or binary; copied
   */
  public B headers(Metadata headers) {
    calls = calls.headers(headers);
    return self();
  }

  /**
   * Sets everything that every call has of its own, unless the call says otherwise.
   *
   * @param settings the settings; a deadline that they leave open stays as it is
   */
  public B calls(CallSettings settings) {
    calls = calls.under(Objects.requireNonNull(settings, "expected settings, received null"));
    return self();
  }

  /**
   * Sets retries, hedging, pings, compression, limits and load balancing.
   *
   * @param settings the settings
   * @throws IllegalStateException when the channel is the caller's
   */
  public B connection(ConnectionSettings settings) {
    requireOwnChannel("settings", "VisionGrpcClient.configure(channelBuilder, settings)");
    connection = Objects.requireNonNull(settings, "expected settings, received null");
    return self();
  }

  /**
   * Sets the credentials of the channel that the client opens, by default none (plain text).
   *
   * @param credentials for instance {@code TlsChannelCredentials.create()}
   * @throws IllegalStateException when the channel is the caller's
   */
  public B credentials(ChannelCredentials credentials) {
    requireOwnChannel("credentials", "Grpc.newChannelBuilder(target, credentials)");
    this.credentials = Objects.requireNonNull(credentials, "expected credentials, received null");
    return self();
  }

  /**
   * Sets the name that the server's certificate must carry, where the target's is not it.
   *
   * @param name the name
   * @throws IllegalStateException when the channel is the caller's
   */
  public B authority(String name) {
    requireOwnChannel("a server's name", "channelBuilder.overrideAuthority(name)");
    authority = Objects.requireNonNull(name, "expected a server's name, received null");
    return self();
  }

  private void requireOwnChannel(String what, String fix) {
    if (channel != null) {
      throw new IllegalStateException(
          "the channel is open already and takes no %s: give them to its own builder, %s"
              .formatted(what, fix));
    }
  }

  /** Opens the channel, or takes the caller's. */
  ServerConnection connect() {
    if (channel != null) {
      return new ServerConnection(channel, null, target);
    }
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilder(
            target, credentials == null ? InsecureChannelCredentials.create() : credentials);
    (connection == null ? ConnectionSettings.DEFAULT : connection).applyTo(builder);
    if (authority != null) {
      builder.overrideAuthority(authority);
    }
    ManagedChannel owned = builder.build();
    return new ServerConnection(owned, owned, target);
  }

  String modelName() {
    if (model == null && contract == null) {
      throw new IllegalStateException(
          "which model? Name it: builder(…).model(\"classifier\"), or give its contract");
    }
    return model == null ? contract.model() : model;
  }

  Contract contract() {
    return contract;
  }

  CallSettings calls() {
    return calls;
  }
}
