package io.thecodeforge.ml.embedded;

import io.thecodeforge.ml.VisionException;

/**
 * There was not enough native memory for one call. The service goes on: a smaller call, or the same
 * one later, may be answered.
 */
public final class NativeMemoryException extends VisionException {
  private static final long serialVersionUID = 1L;

  NativeMemoryException(String message, Throwable cause) {
    super(message, cause);
  }
}
