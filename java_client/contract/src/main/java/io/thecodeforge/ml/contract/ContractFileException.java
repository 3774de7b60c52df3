package io.thecodeforge.ml.contract;

import io.thecodeforge.ml.VisionException;

/** A contract is missing, is not JSON, or does not follow the format. */
public final class ContractFileException extends VisionException {
  private static final long serialVersionUID = 1L;

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   * @param cause what was caught, or null
   */
  public ContractFileException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   */
  public ContractFileException(String message) {
    this(message, null);
  }
}
