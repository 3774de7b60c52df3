package io.thecodeforge.ml.grpc;

import io.thecodeforge.ml.VisionException;

/**
 * The calling thread was interrupted while it waited, and the call was cancelled; the thread's
 * interrupted status is set. The server has said nothing.
 */
public final class CallInterruptedException extends VisionException {
  private static final long serialVersionUID = 1L;

  CallInterruptedException(String target, Throwable cause) {
    super(
        "the thread was interrupted while it waited for %s; the call was cancelled"
            .formatted(target),
        cause);
  }
}
