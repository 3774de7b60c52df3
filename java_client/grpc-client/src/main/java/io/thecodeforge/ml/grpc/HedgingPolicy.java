package io.thecodeforge.ml.grpc;

import io.grpc.Status;
import java.time.Duration;
import java.util.Map;
import java.util.Set;

/**
 * Sends the same call again while the first is still under way; the first good answer counts.
 *
 * <p>It trades server load for a shorter tail: use it with more than one backend, and set the delay
 * near the usual 95th percentile.
 *
 * @param maxAttempts attempts in all, 2 to 5
 * @param delay wait for an answer before the next attempt
 * @param nonFatalCodes the gRPC codes after which the next attempt starts at once; any other
 *     failure ends the call
 */
public record HedgingPolicy(int maxAttempts, Duration delay, Set<Status.Code> nonFatalCodes) {

  /** Refuses what gRPC would refuse or change. */
  public HedgingPolicy {
    RetryPolicy.requireAttempts(maxAttempts);
    nonFatalCodes = RetryPolicy.requireCodes(nonFatalCodes);
    if (delay.isNegative()) {
      throw new IllegalArgumentException("expected a delay of at least 0, received " + delay);
    }
  }

  /**
   * A second attempt after some time, or at once after UNAVAILABLE.
   *
   * @param delay wait for an answer before the second attempt
   */
  public static HedgingPolicy after(Duration delay) {
    return new HedgingPolicy(2, delay, Set.of(Status.Code.UNAVAILABLE));
  }

  /** Returns the {@code hedgingPolicy} of a gRPC service config. */
  Map<String, Object> toConfig() {
    return Map.of(
        "maxAttempts",
        (double) maxAttempts,
        "hedgingDelay",
        RetryPolicy.seconds(delay),
        "nonFatalStatusCodes",
        RetryPolicy.names(nonFatalCodes));
  }
}
