package io.thecodeforge.ml.contract;

import java.util.Arrays;

/**
 * How far each element of an answer lies from the golden one, and by how much beyond its tolerance.
 * Two texts are equal or infinitely far apart.
 */
final class Distances {

  private final double[] distance;
  private final double[] excess;

  private Distances(double[] distance, double[] excess) {
    this.distance = distance;
    this.excess = excess;
  }

  /** Compares two tensors of the same size; what is not finite must be the same in both. */
  static Distances of(TensorValue golden, TensorValue answer, Tolerance tolerance) {
    double[] distance = new double[golden.size()];
    double[] excess = new double[golden.size()];
    for (int i = 0; i < distance.length; i++) {
      if (golden.isText()) {
        boolean same = Arrays.equals(golden.byteStrings()[i], answer.byteStrings()[i]);
        distance[i] = same ? 0 : Double.POSITIVE_INFINITY;
        excess[i] = distance[i];
      } else {
        distance[i] = between(golden, answer, i);
        excess[i] = distance[i] - tolerance.limit(size(golden, i));
      }
    }
    return new Distances(distance, excess);
  }

  private static double between(TensorValue golden, TensorValue answer, int index) {
    double distance =
        Math.hypot(
            answer.number(index) - golden.number(index),
            answer.imaginary(index) - golden.imaginary(index));
    if (isWhole(golden) && isWhole(answer) && differ(golden, answer, index)) {
      distance = Math.max(distance, 1); // double cannot tell large ones apart
    }
    return Double.isNaN(distance) || isOdd(golden, answer, index) ? 0 : distance;
  }

  private static boolean differ(TensorValue golden, TensorValue answer, int index) {
    return golden.element().whole(golden.data(), index)
        != answer.element().whole(answer.data(), index);
  }

  private static boolean isWhole(TensorValue tensor) {
    return tensor.element().isWhole();
  }

  private static double size(TensorValue golden, int index) {
    return golden.isFinite(index) ? Math.hypot(golden.number(index), golden.imaginary(index)) : 0;
  }

  private static boolean isOdd(TensorValue golden, TensorValue answer, int index) {
    return !golden.isFinite(index) || !answer.isFinite(index);
  }

  /** Tells whether what is infinite or no number is the same in both: nothing else is near it. */
  static boolean sameWhereNotFinite(TensorValue golden, TensorValue answer) {
    if (!golden.element().isFloating() && !answer.element().isFloating()) {
      return true;
    }
    for (int i = 0; i < golden.size(); i++) {
      if (isOdd(golden, answer, i) && !isSame(golden, answer, i)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isSame(TensorValue golden, TensorValue answer, int index) {
    boolean isNan = isNan(golden, index);
    return isNan
        ? isNan(answer, index)
        : golden.number(index) == answer.number(index)
            && golden.imaginary(index) == answer.imaginary(index);
  }

  private static boolean isNan(TensorValue tensor, int index) {
    return Double.isNaN(tensor.number(index)) || Double.isNaN(tensor.imaginary(index));
  }

  /** Tells whether no element lies beyond its tolerance. */
  boolean agree() {
    return Arrays.stream(excess).noneMatch(value -> value > 0);
  }

  double largest() {
    return Arrays.stream(distance).max().orElse(0);
  }

  double sum() {
    return Arrays.stream(distance).sum();
  }

  double distance(int index) {
    return distance[index];
  }

  /** Returns the first element that is farthest beyond its tolerance. */
  int worst() {
    int worst = 0;
    for (int i = 1; i < excess.length; i++) {
      if (excess[i] > excess[worst]) {
        worst = i;
      }
    }
    return worst;
  }
}
