package io.thecodeforge.ml.contract;

import java.util.Arrays;
import java.util.List;

/**
 * The values of one tensor, for comparing.
 *
 * <p>Immutable as long as nobody changes the arrays that it was given.
 *
 * @param shape size of each axis
 * @param numbers every element in row-major order; empty for text
 * @param texts every element in row-major order; empty for numbers
 */
public record Values(List<Integer> shape, double[] numbers, List<String> texts) {

  /** Describes a tensor of numbers. */
  public static Values of(double[] numbers, Integer... shape) {
    return new Values(List.of(shape), numbers, List.of());
  }

  /** Describes a tensor of numbers. */
  public static Values of(float[] numbers, Integer... shape) {
    double[] wide = new double[numbers.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = numbers[i];
    }
    return of(wide, shape);
  }

  /** Describes a tensor of texts. */
  public static Values of(List<String> texts, Integer... shape) {
    return new Values(List.of(shape), new double[0], List.copyOf(texts));
  }

  /** Copies the lists; the numbers stay the caller's. */
  public Values {
    shape = List.copyOf(shape);
    texts = List.copyOf(texts);
    int size = shape.stream().reduce(1, Math::multiplyExact);
    if (Math.max(numbers.length, texts.size()) != size || numbers.length * texts.size() != 0) {
      throw new IllegalArgumentException(
          "shape %s needs %d numbers or texts, received %d and %d"
              .formatted(shape, size, numbers.length, texts.size()));
    }
  }

  boolean isText() {
    return !texts.isEmpty();
  }

  boolean isFinite() {
    return Arrays.stream(numbers).allMatch(Double::isFinite);
  }

  /** Returns the elements at {@code index} along the first axes, {@code axes} of them. */
  Values at(int axes, int index) {
    List<Integer> rest = shape.subList(axes, shape.size());
    int size = rest.stream().reduce(1, Math::multiplyExact);
    int from = index * size;
    return isText()
        ? new Values(rest, numbers, texts.subList(from, from + size))
        : new Values(rest, Arrays.copyOfRange(numbers, from, from + size), texts);
  }

  /** Returns the largest distance of any element from its golden one; texts are equal or not. */
  double distance(Values golden) {
    if (isText() || golden.isText()) {
      return texts.equals(golden.texts) ? 0 : Double.POSITIVE_INFINITY;
    }
    double largest = 0;
    for (int i = 0; i < numbers.length; i++) {
      largest = Math.max(largest, Math.abs(numbers[i] - golden.numbers[i]));
    }
    return largest;
  }

  /** Returns the first element that lies beyond the tolerance; -1 when none does. */
  int firstBeyond(Values golden, Tolerance tolerance) {
    if (isText() || golden.isText()) {
      return texts.equals(golden.texts) ? -1 : 0;
    }
    for (int i = 0; i < numbers.length; i++) {
      double distance = Math.abs(numbers[i] - golden.numbers[i]);
      if (!(distance <= tolerance.limit(golden.numbers[i]))) {
        return i;
      }
    }
    return -1;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Values values
        && shape.equals(values.shape)
        && Arrays.equals(numbers, values.numbers)
        && texts.equals(values.texts);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * shape.hashCode() + Arrays.hashCode(numbers)) + texts.hashCode();
  }

  @Override
  public String toString() {
    return isText() ? texts.toString() : Arrays.toString(numbers);
  }
}
