package io.thecodeforge.ml.grpc;

import java.time.Duration;

/**
 * Pings the server over idle connections, so that a dead one, or a silent NAT, is noticed.
 *
 * <p>A server that is not told to expect it ends connections that ping more often than every 5
 * minutes without a call ({@code --grpc_channel_arguments=
 * grpc.http2.min_ping_interval_without_data_ms=…}).
 *
 * @param interval time between pings; gRPC raises less than 10 s to that
 * @param timeout wait for the answer before the connection counts as dead
 * @param withoutCalls whether to ping also while no call is under way
 */
public record KeepAlive(Duration interval, Duration timeout, boolean withoutCalls) {

  /** Refuses times that are none. */
  public KeepAlive {
    if (!RetryPolicy.isPositive(interval) || !RetryPolicy.isPositive(timeout)) {
      throw new IllegalArgumentException(
          "expected an interval and a timeout above 0, received %s, %s"
              .formatted(interval, timeout));
    }
  }
}
