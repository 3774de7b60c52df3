package io.thecodeforge.ml.grpc;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.thecodeforge.ml.InvalidInputException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A channel to a server, with the deadline of its calls and the words for what goes wrong. */
final class ServerConnection implements AutoCloseable {

  private final Channel channel;
  private final ManagedChannel owned; // null when the channel is the caller's
  private final String target;
  private final Duration deadline;
  private volatile boolean closed;

  /**
   * Takes a channel.
   *
   * @param owned the same channel when it is to be closed here; null when it is the caller's
   */
  ServerConnection(Channel channel, ManagedChannel owned, String target, Duration deadline) {
    this.channel = channel;
    this.owned = owned;
    this.target = target;
    this.deadline = deadline;
  }

  String target() {
    return target;
  }

  /**
   * Makes one call.
   *
   * @throws InvalidInputException when the server answers INVALID_ARGUMENT
   * @throws ServerException when the call fails otherwise
   * @throws IllegalStateException after {@link #close}
   */
  <Q, A> A call(MethodDescriptor<Q, A> method, Q request) {
    if (closed) {
      throw new IllegalStateException("the client of %s is closed".formatted(target));
    }
    CallOptions options =
        CallOptions.DEFAULT.withDeadlineAfter(deadline.toMillis(), TimeUnit.MILLISECONDS);
    try {
      return ClientCalls.blockingUnaryCall(channel, method, options, request);
    } catch (StatusRuntimeException e) {
      throw failure(e);
    }
  }

  private RuntimeException failure(StatusRuntimeException e) {
    String said = e.getStatus().getDescription();
    return switch (e.getStatus().getCode()) {
      case INVALID_ARGUMENT ->
          new InvalidInputException(
              "the server at %s refused the input: %s".formatted(target, said), e);
      case UNAVAILABLE ->
          new ServerUnavailableException("no server answers at %s: %s".formatted(target, said), e);
      case DEADLINE_EXCEEDED ->
          new DeadlineExceededException(
              "no answer from %s within %d ms".formatted(target, deadline.toMillis()), e);
      default ->
          new ServerException(
              "the server at %s answered %s: %s".formatted(target, e.getStatus().getCode(), said),
              e.getStatus().getCode(),
              e);
    };
  }

  /**
   * Ends the connection. A channel of its own takes no new calls; running ones may finish within
   * their deadline. Closing again does nothing.
   */
  @Override
  public void close() {
    closed = true;
    if (owned == null) {
      return;
    }
    owned.shutdown();
    try {
      if (!owned.awaitTermination(deadline.toMillis(), TimeUnit.MILLISECONDS)) {
        owned.shutdownNow();
      }
    } catch (InterruptedException e) {
      owned.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
