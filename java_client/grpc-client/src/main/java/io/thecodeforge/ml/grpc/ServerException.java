package io.thecodeforge.ml.grpc;

import io.grpc.Status;
import io.thecodeforge.ml.VisionException;

/** A call to a server failed. */
public sealed class ServerException extends VisionException
    permits ServerUnavailableException, DeadlineExceededException {
  private static final long serialVersionUID = 1L;

  private final Status.Code code;
  private final String requestId;

  ServerException(String message, Status.Code code, String requestId, Throwable cause) {
    super("%s [request %s]".formatted(message, requestId), cause);
    this.code = code;
    this.requestId = requestId;
  }

  /** Returns gRPC's status code of the failed call. */
  public Status.Code code() {
    return code;
  }

  /** Returns the id that the call carried as {@code x-request-id}. */
  public String requestId() {
    return requestId;
  }
}
