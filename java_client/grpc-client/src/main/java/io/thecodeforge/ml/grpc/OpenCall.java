package io.thecodeforge.ml.grpc;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.answer.Refusal;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** One call: what it carries, what was seen of it, and the words for what went wrong. */
final class OpenCall implements ClientInterceptor {

  private static final Metadata.Key<String> REQUEST_ID =
      Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);

  private final String target;
  private final CallSettings settings;
  private final String requestId;
  private volatile boolean connected;

  /**
   * Begins a call.
   *
   * @param settings the client's with the call's own over them
   */
  OpenCall(String target, CallSettings settings) {
    this.target = target;
    this.settings = settings;
    this.requestId = settings.requestId() == null ? newId() : settings.requestId();
  }

  private static String newId() {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    return "%016x%016x".formatted(random.nextLong(), random.nextLong());
  }

  CallOptions options() {
    CallOptions options =
        CallOptions.DEFAULT.withDeadlineAfter(settings.deadline().toNanos(), TimeUnit.NANOSECONDS);
    return settings.waitsForReady() ? options.withWaitForReady() : options;
  }

  @Override
  public <Q, A> ClientCall<Q, A> interceptCall(
      MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
    return new SimpleForwardingClientCall<Q, A>(next.newCall(method, options)) {
      @Override
      public void start(Listener<A> listener, Metadata headers) {
        headers.merge(settings.headers());
        headers.put(REQUEST_ID, requestId);
        super.start(
            new SimpleForwardingClientCallListener<A>(listener) {
              @Override
              public void onClose(Status status, Metadata trailers) {
                connected = getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR) != null;
                super.onClose(status, trailers);
              }
            },
            headers);
      }
    };
  }

  /** Returns what a failed call means for its caller. */
  RuntimeException failure(StatusRuntimeException e) {
    Status status = e.getStatus();
    String said = Refusal.plain(status.getDescription());
    return switch (status.getCode()) {
      case INVALID_ARGUMENT ->
          new InvalidInputException(
              "the server at %s refused the input: %s".formatted(target, said), e);
      case UNAVAILABLE -> new ServerUnavailableException(unavailable(status, said), requestId, e);
      case DEADLINE_EXCEEDED ->
          new DeadlineExceededException(
              "no answer from %s within %s".formatted(target, written(settings.deadline())),
              requestId,
              e);
      case CANCELLED -> cancelled(e, said);
      case RESOURCE_EXHAUSTED -> exhausted(status, said, e);
      default -> answered(status, said, e);
    };
  }

  private ServerException answered(Status status, String said, StatusRuntimeException e) {
    return new ServerException(
        "the server at %s answered %s: %s".formatted(target, status.getCode(), said),
        status.getCode(),
        requestId,
        e);
  }

  private ServerException exhausted(Status status, String said, StatusRuntimeException e) {
    if (connected) {
      return answered(status, said, e);
    }
    return new ServerException(
        "the request to %s was not sent: %s".formatted(target, said),
        status.getCode(),
        requestId,
        e);
  }

  private RuntimeException cancelled(StatusRuntimeException e, String said) {
    // gRPC makes CANCELLED of the interruption itself, and leaves the thread interrupted.
    return e.getCause() instanceof InterruptedException || Thread.currentThread().isInterrupted()
        ? new CallInterruptedException(target, e)
        : answered(e.getStatus(), said, e);
  }

  private String unavailable(Status status, String said) {
    if (!connected) {
      return "no server answers at %s: %s; is it started, is this its gRPC port, does it want TLS?"
          .formatted(target, reason(status, said));
    }
    // The status of a lost connection is gRPC's own; one that a server sends has no cause.
    return status.getCause() == null && !said.startsWith("Network closed")
        ? "the server at %s cannot answer now (UNAVAILABLE): %s".formatted(target, said)
        : "the connection to %s broke: %s".formatted(target, reason(status, said));
  }

  /** gRPC says "io exception" and hides what happened in the causes. */
  private static String reason(Status status, String said) {
    Throwable cause = status.getCause();
    while (cause != null && cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause == null || cause.getMessage() == null || said.contains(cause.getMessage())
        ? said
        : "%s (%s)".formatted(said, cause.getMessage());
  }

  private static String written(Duration time) {
    return time.toMillis() >= 1 ? time.toMillis() + " ms" : time.toNanos() + " ns";
  }
}
