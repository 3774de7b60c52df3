package io.thecodeforge.ml;

/** What was given cannot be answered; the same call will fail again. */
public class InvalidInputException extends VisionException {
  private static final long serialVersionUID = 1L;

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   * @param cause what was caught, or null
   */
  public InvalidInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
