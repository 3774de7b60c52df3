package io.thecodeforge.ml.grpc;

import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Sends a failed call again, later each time. Every call of these clients is idempotent.
 *
 * @param maxAttempts attempts in all, 2 to 5
 * @param initialBackoff wait before the second attempt; gRPC varies it at random
 * @param maxBackoff longest wait between two attempts
 * @param backoffMultiplier factor from one wait to the next
 * @param codes the gRPC codes after which to try again
 */
public record RetryPolicy(
    int maxAttempts,
    Duration initialBackoff,
    Duration maxBackoff,
    double backoffMultiplier,
    Set<Status.Code> codes) {

  /** Five attempts after UNAVAILABLE, 0.1 s to 2 s apart: the default of both languages. */
  public static final RetryPolicy DEFAULT =
      new RetryPolicy(
          5, Duration.ofMillis(100), Duration.ofSeconds(2), 2, Set.of(Status.Code.UNAVAILABLE));

  private static final int MOST_ATTEMPTS = 5; // gRPC silently lowers more (gRFC A6)

  /** Refuses what gRPC would refuse or change. */
  public RetryPolicy {
    requireAttempts(maxAttempts);
    codes = requireCodes(codes);
    if (!isPositive(initialBackoff) || !isPositive(maxBackoff) || !(backoffMultiplier > 0)) {
      throw new IllegalArgumentException(
          "expected backoffs and a multiplier above 0, received %s, %s, %s"
              .formatted(initialBackoff, maxBackoff, backoffMultiplier));
    }
  }

  /** Returns the {@code retryPolicy} of a gRPC service config. */
  Map<String, Object> toConfig() {
    return Map.of(
        "maxAttempts",
        (double) maxAttempts,
        "initialBackoff",
        seconds(initialBackoff),
        "maxBackoff",
        seconds(maxBackoff),
        "backoffMultiplier",
        backoffMultiplier,
        "retryableStatusCodes",
        names(codes));
  }

  static void requireAttempts(int attempts) {
    if (attempts < 2 || attempts > MOST_ATTEMPTS) {
      throw new IllegalArgumentException(
          "expected maxAttempts of 2 to %d, received %d".formatted(MOST_ATTEMPTS, attempts));
    }
  }

  static Set<Status.Code> requireCodes(Set<Status.Code> codes) {
    if (codes.isEmpty() || codes.contains(Status.Code.OK)) {
      throw new IllegalArgumentException(
          "expected codes of failed calls, at least one, received " + codes);
    }
    return Set.copyOf(codes);
  }

  static boolean isPositive(Duration time) {
    return !time.isNegative() && !time.isZero();
  }

  static List<String> names(Set<Status.Code> codes) {
    return codes.stream().map(Status.Code::name).sorted().toList();
  }

  /** Writes a time as service configs do. */
  static String seconds(Duration time) {
    return "%d.%09ds".formatted(time.getSeconds(), time.getNano());
  }
}
