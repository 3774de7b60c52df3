package io.thecodeforge.ml.contract;

/** A document that is no contract; the message names the place but not the file. */
final class MalformedContractException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String position;

  MalformedContractException(String message) {
    this(message, null);
  }

  MalformedContractException(String message, Throwable cause) {
    this("", message, cause);
  }

  /**
   * Says where in the text it is, too.
   *
   * @param position what stands behind the file's name, {@code :line:column}
   */
  MalformedContractException(String position, String message, Throwable cause) {
    super(message, cause);
    this.position = position;
  }

  /** Returns the whole message about a document that came from {@code source}. */
  String of(String source) {
    return source + position + ": " + getMessage();
  }
}
