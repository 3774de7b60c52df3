package io.thecodeforge.ml.grpc;

import io.grpc.Metadata;
import java.time.Duration;
import java.util.Objects;

/**
 * What one call has of its own, beside what its client has. Immutable: each method returns a copy
 * that differs in one setting.
 *
 * <pre>{@code
 * CallSettings quick = CallSettings.DEFAULT.deadline(Duration.ofMillis(200)).label("canary");
 * Classification answer = client.with(quick).classify(image);
 * }</pre>
 */
public final class CallSettings {

  /** Nothing of its own. */
  public static final CallSettings DEFAULT = new CallSettings();

  static final Duration MOST = Duration.ofDays(365);

  private Duration deadline; // null: the client's
  private Long version; // null: the client's
  private String label; // null: the client's
  private String requestId; // null: a new one for each call
  private Metadata headers = new Metadata(); // never changed
  private boolean waitForReady; // false: as the connection is set
  private int batchSize; // 0: the client's

  private CallSettings() {}

  private CallSettings copy() {
    CallSettings copy = new CallSettings();
    copy.deadline = deadline;
    copy.version = version;
    copy.label = label;
    copy.requestId = requestId;
    copy.headers = headers;
    copy.waitForReady = waitForReady;
    copy.batchSize = batchSize;
    return copy;
  }

  /**
   * Sets the time that a call has, all its attempts together.
   *
   * @param time above zero and at most 365 days
   * @throws IllegalArgumentException when it is not
   */
  public CallSettings deadline(Duration time) {
    Objects.requireNonNull(time, "expected a deadline, received null");
    if (time.isNegative() || time.isZero() || time.compareTo(MOST) > 0) {
      throw new IllegalArgumentException(
          "expected a deadline above zero and at most %d days, received %s"
              .formatted(MOST.toDays(), time));
    }
    CallSettings copy = copy();
    copy.deadline = time;
    return copy;
  }

  /**
   * Asks one version only, instead of a label or the newest.
   *
   * @param number its number
   */
  public CallSettings version(long number) {
    CallSettings copy = copy();
    copy.version = number;
    copy.label = null;
    return copy;
  }

  /**
   * Asks the version that the server gives a label, instead of a number.
   *
   * @param name for instance {@code stable}
   */
  public CallSettings label(String name) {
    CallSettings copy = copy();
    copy.label = Objects.requireNonNull(name, "expected a label, received null");
    copy.version = null;
    return copy;
  }

  /**
   * Sets the id that goes along as {@code x-request-id}, by default a new one for each call.
   *
   * @param id letters, digits and signs of ASCII
   */
  public CallSettings requestId(String id) {
    CallSettings copy = copy();
    copy.requestId = Objects.requireNonNull(id, "expected a request id, received null");
    return copy;
  }

  /**
   * Adds headers, for instance a token, to those that are set already.
   *
   * @param more gRPC's headers, text or binary; copied
   */
  public CallSettings headers(Metadata more) {
    Objects.requireNonNull(more, "expected headers, received null");
    CallSettings copy = copy();
    copy.headers = merged(headers, more);
    return copy;
  }

  /**
   * Adds a header to those that are set already.
   *
   * @param name lower-case letters, digits and signs of ASCII
   * @param value its text
   */
  public CallSettings header(String name, String value) {
    Metadata one = new Metadata();
    one.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value);
    return headers(one);
  }

  /**
   * Waits for a connection until the deadline rather than fail as UNAVAILABLE; by default as the
   * connection is set.
   */
  public CallSettings waitForReady() {
    CallSettings copy = copy();
    copy.waitForReady = true;
    return copy;
  }

  /**
   * Sets how many images go into one call at most, for instance the server's {@code
   * max_batch_size}; by default there is no limit. More are split, and their calls are under way
   * side by side.
   *
   * @param images at least 1
   * @throws IllegalArgumentException when it is below
   */
  public CallSettings batchSize(int images) {
    if (images < 1) {
      throw new IllegalArgumentException(
          "expected a batchSize of at least 1, received %d".formatted(images));
    }
    CallSettings copy = copy();
    copy.batchSize = images;
    return copy;
  }

  /** Returns these settings with those of one call over them. */
  CallSettings under(CallSettings call) {
    CallSettings merged = copy();
    merged.deadline = call.deadline == null ? deadline : call.deadline;
    if (call.version != null || call.label != null) {
      merged.version = call.version;
      merged.label = call.label;
    }
    merged.requestId = call.requestId == null ? requestId : call.requestId;
    merged.headers = merged(headers, call.headers);
    merged.waitForReady = waitForReady || call.waitForReady;
    merged.batchSize = call.batchSize == 0 ? batchSize : call.batchSize;
    return merged;
  }

  private static Metadata merged(Metadata first, Metadata second) {
    Metadata merged = new Metadata();
    merged.merge(first);
    merged.merge(second);
    return merged;
  }

  Duration deadline() {
    return deadline;
  }

  Long version() {
    return version;
  }

  String label() {
    return label;
  }

  String requestId() {
    return requestId;
  }

  Metadata headers() {
    return headers;
  }

  boolean waitsForReady() {
    return waitForReady;
  }

  int batchSize() {
    return batchSize == 0 ? Integer.MAX_VALUE : batchSize;
  }
}
