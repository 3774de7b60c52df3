package io.thecodeforge.ml.grpc;

import io.grpc.Status;

/** Nobody answered at the target, also after the retries. */
public final class ServerUnavailableException extends ServerException {
  private static final long serialVersionUID = 1L;

  ServerUnavailableException(String message, Throwable cause) {
    super(message, Status.Code.UNAVAILABLE, cause);
  }
}
