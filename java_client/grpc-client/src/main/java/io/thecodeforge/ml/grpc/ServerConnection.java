package io.thecodeforge.ml.grpc;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import io.thecodeforge.ml.InvalidInputException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A channel to a server, and the calls over it. */
final class ServerConnection {

  private final Channel channel;
  private final ManagedChannel owned; // null when the channel is the caller's
  private final String target;
  private volatile boolean closed;

  /**
   * Takes a channel.
   *
   * @param owned the same channel when it is to be closed here; null when it is the caller's
   */
  ServerConnection(Channel channel, ManagedChannel owned, String target) {
    this.channel = channel;
    this.owned = owned;
    this.target = target;
  }

  String target() {
    return target;
  }

  /**
   * Makes one call and waits for the answer.
   *
   * @throws InvalidInputException when the server answers INVALID_ARGUMENT
   * @throws ServerException when the call fails otherwise
   * @throws CallInterruptedException when the thread is interrupted
   * @throws IllegalStateException after {@link #close}
   */
  <Q, A> A call(MethodDescriptor<Q, A> method, Q request, CallSettings settings) {
    requireOpen();
    OpenCall call = new OpenCall(target, settings);
    try {
      return ClientCalls.blockingUnaryCall(
          ClientInterceptors.intercept(channel, call), method, call.options(), request);
    } catch (StatusRuntimeException e) {
      throw call.failure(e);
    }
  }

  /**
   * Makes one call without waiting; cancelling the future cancels the call.
   *
   * @return the answer; it fails with what {@link #call} would throw
   * @throws IllegalStateException after {@link #close}
   */
  <Q, A> CompletableFuture<A> start(
      MethodDescriptor<Q, A> method, Q request, CallSettings settings) {
    requireOpen();
    OpenCall call = new OpenCall(target, settings);
    CallOptions options = call.options();
    ClientCall<Q, A> started = ClientInterceptors.intercept(channel, call).newCall(method, options);
    CompletableFuture<A> answer = new CompletableFuture<>();
    ClientCalls.asyncUnaryCall(started, request, observer(call, answer));
    answer.whenComplete(
        (value, failure) -> {
          if (answer.isCancelled()) {
            started.cancel("the caller cancelled it", null);
          }
        });
    return answer;
  }

  private static <A> StreamObserver<A> observer(OpenCall call, CompletableFuture<A> answer) {
    return new StreamObserver<>() {
      private A received;

      @Override
      public void onNext(A value) {
        received = value;
      }

      @Override
      public void onError(Throwable failure) {
        answer.completeExceptionally(
            failure instanceof StatusRuntimeException status ? call.failure(status) : failure);
      }

      @Override
      public void onCompleted() {
        answer.complete(received);
      }
    };
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the client of %s is closed".formatted(target));
    }
  }

  /**
   * Ends the connection. A channel of its own takes no new calls; running ones may finish. Closing
   * again does nothing.
   *
   * @param patience how long to wait for running calls before they are cancelled
   */
  void close(Duration patience) {
    closed = true;
    if (owned == null) {
      return;
    }
    owned.shutdown();
    try {
      if (!owned.awaitTermination(patience.toNanos(), TimeUnit.NANOSECONDS)) {
        owned.shutdownNow();
      }
    } catch (InterruptedException e) {
      owned.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
