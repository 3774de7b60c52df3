package io.thecodeforge.ml.grpc;

import io.grpc.Status;
import io.thecodeforge.ml.VisionException;

/** A call to a server failed. */
public sealed class ServerException extends VisionException
    permits ServerUnavailableException, DeadlineExceededException {
  private static final long serialVersionUID = 1L;

  private final Status.Code code;

  ServerException(String message, Status.Code code, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  /** Returns gRPC's status code of the failed call. */
  public Status.Code code() {
    return code;
  }
}
