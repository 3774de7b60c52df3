package io.thecodeforge.ml.contract;

/** A document that is no contract; the message names the place but not the file. */
final class MalformedContractException extends Exception {
  private static final long serialVersionUID = 1L;

  MalformedContractException(String message) {
    super(message);
  }

  MalformedContractException(String message, Throwable cause) {
    super(message, cause);
  }
}
