package io.thecodeforge.ml.grpc;

import io.grpc.Status;

/** The answer did not come before the call's deadline. */
public final class DeadlineExceededException extends ServerException {
  private static final long serialVersionUID = 1L;

  DeadlineExceededException(String message, String requestId, Throwable cause) {
    super(message, Status.Code.DEADLINE_EXCEEDED, requestId, cause);
  }
}
