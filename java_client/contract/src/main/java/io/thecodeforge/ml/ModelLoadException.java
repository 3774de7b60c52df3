package io.thecodeforge.ml;

/** TensorFlow cannot load a version, or cannot run it at all. */
public final class ModelLoadException extends VisionException {
  private static final long serialVersionUID = 1L;

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   * @param cause what was caught, or null
   */
  public ModelLoadException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   */
  public ModelLoadException(String message) {
    this(message, null);
  }
}
