package io.thecodeforge.ml;

import java.util.OptionalInt;

/** The given bytes or pixels cannot be an image; the same call will fail again. */
public final class InvalidImageException extends InvalidInputException {
  private static final long serialVersionUID = 1L;

  private static final int UNKNOWN = -1;

  private final int position;

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   * @param cause what was caught, or null
   */
  public InvalidImageException(String message, Throwable cause) {
    super(message, cause);
    position = UNKNOWN;
  }

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   */
  public InvalidImageException(String message) {
    this(message, null);
  }

  /**
   * Says what is wrong with one of several images.
   *
   * @param position its place among the images of the call, from 0
   * @param message what was expected, what was found, and how to put it right; names the place
   * @param cause what was caught, or null
   */
  public InvalidImageException(int position, String message, Throwable cause) {
    super(message, cause);
    this.position = position;
  }

  /**
   * Returns the place of the bad image among those of the call, from 0; empty where it is about all
   * of them, or where the model did not say and could not be asked again.
   */
  public OptionalInt position() {
    return position == UNKNOWN ? OptionalInt.empty() : OptionalInt.of(position);
  }
}
