package io.thecodeforge.ml;

/**
 * A rectangle, as fractions of the original image's height and width, in [0, 1].
 *
 * @param ymin upper edge
 * @param xmin left edge
 * @param ymax lower edge, at least {@code ymin}
 * @param xmax right edge, at least {@code xmin}
 */
public record Box(float ymin, float xmin, float ymax, float xmax) {

  /**
   * The edges in whole pixels. The pixels inside are the rows from {@code ymin} up to, without,
   * {@code ymax}, and the columns from {@code xmin} up to, without, {@code xmax}.
   *
   * @param ymin upper edge
   * @param xmin left edge
   * @param ymax lower edge
   * @param xmax right edge
   */
  public record Pixels(int ymin, int xmin, int ymax, int xmax) {}

  /**
   * Returns the edges for an image of this size, each rounded to the nearest line between two
   * pixels. A box thinner than half a pixel may come out empty.
   *
   * @param height rows of the image, at least 1
   * @param width columns of the image, at least 1
   * @throws IllegalArgumentException when a size is below 1
   */
  public Pixels pixels(int height, int width) {
    if (height < 1 || width < 1) {
      throw new IllegalArgumentException(
          "expected a height and a width of at least 1, received %d, %d".formatted(height, width));
    }
    return new Pixels(line(ymin, height), line(xmin, width), line(ymax, height), line(xmax, width));
  }

  private static int line(float edge, int size) {
    return (int) Math.floor((double) edge * size + 0.5);
  }
}
