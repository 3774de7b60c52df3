package io.thecodeforge.ml;

/** The given bytes or pixels cannot be an image; the same call will fail again. */
public final class InvalidImageException extends InvalidInputException {
  private static final long serialVersionUID = 1L;

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   * @param cause what was caught, or null
   */
  public InvalidImageException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   */
  public InvalidImageException(String message) {
    this(message, null);
  }
}
