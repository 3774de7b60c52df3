package io.thecodeforge.ml.grpc;

/**
 * Where a version is in its life on a server.
 *
 * @param version its number
 * @param state how far it has come
 * @param error why it ended, when it failed: {@code INVALID_ARGUMENT: …}; empty when it did not
 */
public record VersionStatus(long version, State state, String error) {

  /** The states of a version's life, in their order. */
  public enum State {
    /** None that this client knows. */
    UNKNOWN,
    /** It is known and not yet loaded. */
    START,
    /** It is being loaded. */
    LOADING,
    /** It answers. */
    AVAILABLE,
    /** It is being taken away. */
    UNLOADING,
    /** It is gone, or could not be loaded. */
    END
  }

  /** Tells whether calls to this version are answered. */
  public boolean isAvailable() {
    return state == State.AVAILABLE;
  }
}
