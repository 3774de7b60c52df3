package io.thecodeforge.ml;

/** Signatures that take images, and their inputs, under the names that every contract here uses. */
final class ImageInputs {

  static final String PIXELS_SIGNATURE = "serving_default";
  static final String PIXELS_INPUT = "input_tensor";
  static final String ENCODED_SIGNATURE = "serving_bytes";
  static final String ENCODED_INPUT = "image_bytes";

  private ImageInputs() {}
}
