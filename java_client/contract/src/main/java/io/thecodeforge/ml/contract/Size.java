package io.thecodeforge.ml.contract;

/** The size of one axis in a contract's shape. */
public sealed interface Size {

  /**
   * A size in numbers.
   *
   * @param value the number of elements along the axis; -1 means "any"
   */
  record Count(long value) implements Size {
    @Override
    public String toString() {
      return Long.toString(value);
    }
  }

  /**
   * A size that the contract names, for instance {@code C}, and that is the same wherever the name
   * occurs.
   *
   * @param name the dimension's name
   */
  record Named(String name) implements Size {
    @Override
    public String toString() {
      return name;
    }
  }
}
