package io.thecodeforge.ml.answer;

import io.thecodeforge.ml.Box;
import io.thecodeforge.ml.Detection;
import io.thecodeforge.ml.Detections;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.Difference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;

/**
 * The detector's outputs as plain Java values, wherever they came from, and their reading as {@link
 * Detection}s. Dtypes and shapes are checked before; the values are checked here.
 *
 * @param contract what the outputs should keep; its class names become labels
 * @param key the signature that was asked
 * @param subject whose answer it is, for messages
 * @param boxes [images, rows, 4], flat
 * @param scores [images, rows], flat
 * @param classes [images, rows], flat
 * @param counts how many of the rows of each image are detections
 * @param version the version that answered; empty where nobody said
 */
public record DetectorAnswer(
    Contract contract,
    String key,
    String subject,
    float[] boxes,
    float[] scores,
    float[] classes,
    float[] counts,
    OptionalLong version) {

  /** Names of the model and of its outputs, as its contract writes them. */
  public static final String MODEL = "detector";

  public static final String BOXES = "detection_boxes";
  public static final String SCORES = "detection_scores";
  public static final String CLASSES = "detection_classes";
  public static final String COUNTS = "num_detections";
  public static final List<String> OUTPUTS = List.of(BOXES, SCORES, CLASSES, COUNTS);

  /**
   * Returns the detections of each image, the surest first.
   *
   * @throws ContractMismatchException when a count, class, score or box is none
   */
  public List<Detections> detections() {
    int rows = scores.length / counts.length;
    List<Detections> images = new ArrayList<>(counts.length);
    for (int image = 0; image < counts.length; image++) {
      if (!isWhole(counts[image], 0, rows)) {
        throw mismatch(COUNTS, "0 to %d rows".formatted(rows), Float.toString(counts[image]));
      }
      int start = image * rows;
      List<Detection> found = new ArrayList<>();
      for (int row = start; row < start + (int) counts[image]; row++) {
        if (row > start && scores[row] > scores[row - 1]) {
          throw mismatch(
              SCORES, "descending order", "%s after %s".formatted(scores[row], scores[row - 1]));
        }
        found.add(detection(row));
      }
      images.add(new Detections(found, version));
    }
    return List.copyOf(images);
  }

  private Detection detection(int row) {
    List<String> names = contract.classNames();
    float number = classes[row];
    if (!isWhole(number, 1, names.isEmpty() ? Integer.MAX_VALUE : names.size())) {
      throw mismatch(
          CLASSES,
          names.isEmpty() ? "whole numbers from 1" : "classes 1 to %d".formatted(names.size()),
          isWhole(number, 0, Integer.MAX_VALUE)
              ? "class %d".formatted((int) number)
              : Float.toString(number));
    }
    float score = scores[row];
    if (!isShare(score, SCORES)) {
      throw mismatch(SCORES, "scores in [0, 1]", Float.toString(score));
    }
    float[] edges = Arrays.copyOfRange(boxes, 4 * row, 4 * row + 4);
    if (!isInside(edges) || edges[0] > edges[2] || edges[1] > edges[3]) {
      throw mismatch(BOXES, "ymin <= ymax and xmin <= xmax in [0, 1]", Arrays.toString(edges));
    }
    int classId = (int) number;
    return new Detection(
        names.isEmpty() ? "unnamed class %d".formatted(classId) : names.get(classId - 1),
        classId,
        clipped(score),
        new Box(clipped(edges[0]), clipped(edges[1]), clipped(edges[2]), clipped(edges[3])));
  }

  /** Takes rounding on another processor away, which {@link #isShare} has let pass. */
  private static float clipped(float share) {
    return Math.min(1, Math.max(0, share));
  }

  private boolean isShare(float value, String output) {
    double slack = contract.signature(key).outputs().get(output).tolerance().limit(1);
    return value >= -slack && value <= 1 + slack;
  }

  // Comparisons are false for NaN, so NaN is refused as well.
  private static boolean isWhole(float value, int low, int high) {
    return value >= low && value <= high && value == Math.rint(value);
  }

  private boolean isInside(float[] edges) {
    for (float edge : edges) {
      if (!isShare(edge, BOXES)) {
        return false;
      }
    }
    return true;
  }

  private ContractMismatchException mismatch(String output, String expected, String found) {
    return new ContractMismatchException(
        subject,
        List.of(
            new Difference(
                "output-range", "%s output \"%s\"".formatted(key, output), expected, found)));
  }
}
