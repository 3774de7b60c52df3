package io.thecodeforge.ml.grpc;

import io.grpc.Status;

/**
 * Nobody answered at the target, the connection broke, or the server said that it cannot answer
 * now; also after the retries. The message says which.
 */
public final class ServerUnavailableException extends ServerException {
  private static final long serialVersionUID = 1L;

  ServerUnavailableException(String message, String requestId, Throwable cause) {
    super(message, Status.Code.UNAVAILABLE, requestId, cause);
  }
}
