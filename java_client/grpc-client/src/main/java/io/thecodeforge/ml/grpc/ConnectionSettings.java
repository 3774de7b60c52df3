package io.thecodeforge.ml.grpc;

import com.google.protobuf.MessageLite;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * Everything about a connection but its address and its credentials. Immutable: each method returns
 * a copy that differs in one setting.
 *
 * <pre>{@code
 * ConnectionSettings settings =
 *     ConnectionSettings.DEFAULT.gzip(true).hedging(HedgingPolicy.after(Duration.ofMillis(80)));
 * VisionGrpcClient client = VisionGrpcClient.builder(target).connection(settings).build();
 * }</pre>
 */
public final class ConnectionSettings {

  /** How calls are spread over the addresses that a name has. */
  public enum LoadBalancing {
    /** One after the other: right for {@code dns:///models:8500} with a headless Service. */
    ROUND_ROBIN,
    /** Stay with one. */
    PICK_FIRST
  }

  /** Largest message by default; gRPC's own default for receiving is 4 MiB, less than one photo. */
  public static final int DEFAULT_MAX_BYTES = 256 * 1024 * 1024;

  /** Five attempts, round robin, messages up to 256 MiB, no compression, no pings. */
  public static final ConnectionSettings DEFAULT = new ConnectionSettings();

  private RetryPolicy retry = RetryPolicy.DEFAULT; // null: never
  private HedgingPolicy hedging; // null: never
  private KeepAlive keepAlive; // null: never
  private boolean gzip;
  private int maxRequestBytes = DEFAULT_MAX_BYTES;
  private int maxAnswerBytes = DEFAULT_MAX_BYTES;
  private LoadBalancing loadBalancing = LoadBalancing.ROUND_ROBIN;
  private boolean waitForReady;

  private ConnectionSettings() {}

  private ConnectionSettings copy() {
    ConnectionSettings copy = new ConnectionSettings();
    copy.retry = retry;
    copy.hedging = hedging;
    copy.keepAlive = keepAlive;
    copy.gzip = gzip;
    copy.maxRequestBytes = maxRequestBytes;
    copy.maxAnswerBytes = maxAnswerBytes;
    copy.loadBalancing = loadBalancing;
    copy.waitForReady = waitForReady;
    return copy;
  }

  /**
   * Sets when a failed call is sent again. Not used beside hedging: a call is retried or hedged,
   * not both (gRFC A6).
   *
   * @param policy when
   */
  public ConnectionSettings retry(RetryPolicy policy) {
    ConnectionSettings copy = copy();
    copy.retry = Objects.requireNonNull(policy, "expected a policy, received null: noRetry()");
    return copy;
  }

  /** Sends no call twice. */
  public ConnectionSettings noRetry() {
    ConnectionSettings copy = copy();
    copy.retry = null;
    return copy;
  }

  /**
   * Sets when a call is sent a second time before the first has failed; by default never.
   *
   * @param policy when
   */
  public ConnectionSettings hedging(HedgingPolicy policy) {
    ConnectionSettings copy = copy();
    copy.hedging = Objects.requireNonNull(policy, "expected a policy, received null");
    return copy;
  }

  /**
   * Sets pings over an idle connection; by default none.
   *
   * @param pings how often
   */
  public ConnectionSettings keepAlive(KeepAlive pings) {
    ConnectionSettings copy = copy();
    copy.keepAlive = Objects.requireNonNull(pings, "expected pings, received null");
    return copy;
  }

  /**
   * Sets whether requests are compressed. Worth it for pixels over a slow network, never for JPEG.
   *
   * @param compressed whether to do so
   */
  public ConnectionSettings gzip(boolean compressed) {
    ConnectionSettings copy = copy();
    copy.gzip = compressed;
    return copy;
  }

  /**
   * Sets the largest messages.
   *
   * @param request largest request in bytes, at least 1
   * @param answer largest answer in bytes, at least 1
   * @throws IllegalArgumentException when one is below
   */
  public ConnectionSettings maxBytes(int request, int answer) {
    if (request < 1 || answer < 1) {
      throw new IllegalArgumentException(
          "expected limits of at least 1 byte, received %d, %d".formatted(request, answer));
    }
    ConnectionSettings copy = copy();
    copy.maxRequestBytes = request;
    copy.maxAnswerBytes = answer;
    return copy;
  }

  /**
   * Sets how calls are spread over the addresses that a name has.
   *
   * @param policy how
   */
  public ConnectionSettings loadBalancing(LoadBalancing policy) {
    ConnectionSettings copy = copy();
    copy.loadBalancing = Objects.requireNonNull(policy, "expected a policy, received null");
    return copy;
  }

  /**
   * Sets whether calls wait for a connection until their deadline rather than fail as UNAVAILABLE.
   *
   * @param wait whether to do so
   */
  public ConnectionSettings waitForReady(boolean wait) {
    ConnectionSettings copy = copy();
    copy.waitForReady = wait;
    return copy;
  }

  /** Returns gRPC's service config, for {@link ManagedChannelBuilder#defaultServiceConfig}. */
  public Map<String, Object> serviceConfig() {
    Map<String, Object> method = new LinkedHashMap<>();
    method.put(
        "name",
        List.of(
            Map.of("service", ServingMethods.SERVICE),
            Map.of("service", ServingMethods.MODEL_SERVICE)));
    if (waitForReady) {
      method.put("waitForReady", true); // false would win over what a call says
    }
    if (hedging != null) {
      method.put("hedgingPolicy", hedging.toConfig());
    } else if (retry != null) {
      method.put("retryPolicy", retry.toConfig());
    }
    return Map.of(
        "loadBalancingConfig",
        List.of(Map.of(loadBalancing.name().toLowerCase(Locale.ROOT), Map.of())),
        "methodConfig",
        List.of(method));
  }

  /**
   * Gives a channel that is still to be built everything that is set here.
   *
   * <p>gRPC sends again only what fits its retry buffers, by default 1 MiB a call: less than one
   * photograph. They get the size of the largest request, and no limit over all calls.
   *
   * @param channel the channel's builder
   * @return the same builder
   */
  public ManagedChannelBuilder<?> applyTo(ManagedChannelBuilder<?> channel) {
    channel
        .defaultServiceConfig(serviceConfig())
        .enableRetry()
        .perRpcBufferLimit(maxRequestBytes + 1024L) // gRPC counts the message's frame as well
        .retryBufferSize(Long.MAX_VALUE)
        .maxInboundMessageSize(maxAnswerBytes)
        .intercept(new Limits(maxRequestBytes, gzip));
    if (keepAlive != null) {
      channel
          .keepAliveTime(keepAlive.interval().toMillis(), TimeUnit.MILLISECONDS)
          .keepAliveTimeout(keepAlive.timeout().toMillis(), TimeUnit.MILLISECONDS)
          .keepAliveWithoutCalls(keepAlive.withoutCalls());
    }
    return channel;
  }

  /**
   * What no channel builder takes and every call has.
   *
   * <p>gRPC has a limit of its own for requests; beside a retry policy a request above it is
   * neither sent nor refused (1.85: the call hangs, beyond its deadline).
   */
  private record Limits(int maxRequestBytes, boolean gzip) implements ClientInterceptor {
    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(
        MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
      CallOptions compressed = gzip ? options.withCompression("gzip") : options;
      return new LimitedCall<>(next.newCall(method, compressed), maxRequestBytes);
    }
  }

  /** A call that ends as RESOURCE_EXHAUSTED when its request is too large. */
  private static final class LimitedCall<Q, A> extends SimpleForwardingClientCall<Q, A> {
    private final int maxBytes;
    private volatile Status refusal; // null: the request may be sent

    LimitedCall(ClientCall<Q, A> call, int maxBytes) {
      super(call);
      this.maxBytes = maxBytes;
    }

    @Override
    public void start(Listener<A> listener, Metadata headers) {
      super.start(
          new SimpleForwardingClientCallListener<A>(listener) {
            @Override
            public void onClose(Status status, Metadata trailers) {
              super.onClose(refusal == null ? status : refusal, trailers);
            }
          },
          headers);
    }

    @Override
    public void sendMessage(Q message) {
      int size = message instanceof MessageLite known ? known.getSerializedSize() : 0;
      if (size <= maxBytes) {
        super.sendMessage(message);
        return;
      }
      refusal =
          Status.RESOURCE_EXHAUSTED.withDescription(
              "the request has %d bytes, more than the %d that may be sent: ask about fewer images"
                      .formatted(size, maxBytes)
                  + " at once (CallSettings.batchSize), or set ConnectionSettings.maxBytes");
      cancel("the request is too large", null);
    }

    @Override
    public void halfClose() {
      if (refusal == null) {
        super.halfClose();
      }
    }
  }
}
