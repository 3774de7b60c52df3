package io.thecodeforge.ml;

/** The model failed on an input that its contract allows. */
public final class InferenceException extends VisionException {
  private static final long serialVersionUID = 1L;

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   * @param cause what was caught, or null
   */
  public InferenceException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   */
  public InferenceException(String message) {
    this(message, null);
  }
}
