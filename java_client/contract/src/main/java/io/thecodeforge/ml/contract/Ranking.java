package io.thecodeforge.ml.contract;

/**
 * Says that an answer lists the best of something, so that answers are compared as sets.
 *
 * <p>Every output whose first two axes are those of {@code scores} describes the entries.
 *
 * @param scores the output that ranks the entries, [batch, N], descending
 * @param count the output that says how many of the N entries are used, [batch]; empty where all
 *     are
 * @param threshold name of the contract's parameter below whose value nothing is listed; empty for
 *     none
 */
public record Ranking(String scores, String count, String threshold) {

  /** Tells whether an output says how many entries are used. */
  boolean isCounted() {
    return !count.isEmpty();
  }

  @Override
  public String toString() {
    return "a list by %s%s%s"
        .formatted(
            scores,
            isCounted() ? ", of %s entries".formatted(count) : "",
            threshold.isEmpty() ? "" : ", above " + threshold);
  }
}
