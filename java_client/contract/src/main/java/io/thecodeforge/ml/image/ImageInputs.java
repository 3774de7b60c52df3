package io.thecodeforge.ml.image;

/** Signatures that take images, and their inputs, under the names that every contract here uses. */
public final class ImageInputs {

  public static final String PIXELS_SIGNATURE = "serving_default";
  public static final String PIXELS_INPUT = "input_tensor";
  public static final String ENCODED_SIGNATURE = "serving_bytes";
  public static final String ENCODED_INPUT = "image_bytes";

  private ImageInputs() {}
}
