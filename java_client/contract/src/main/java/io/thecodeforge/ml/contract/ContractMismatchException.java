package io.thecodeforge.ml.contract;

import io.thecodeforge.ml.VisionException;
import java.util.List;
import java.util.stream.Collectors;

/** A model, a server or an answer differs from its contract. */
public final class ContractMismatchException extends VisionException {
  private static final long serialVersionUID = 1L;

  private final transient List<Difference> differences;

  /**
   * Composes the message: every difference on a line of its own, with what was expected, what was
   * found and, where a name is missing, which names exist.
   *
   * @param subject what was compared
   * @param differences every difference found
   */
  public ContractMismatchException(String subject, List<Difference> differences) {
    this(subject, differences, null);
  }

  /**
   * Composes the message, as {@link #ContractMismatchException(String, List)}.
   *
   * @param subject what was compared
   * @param differences every difference found
   * @param cause what was caught, or null
   */
  public ContractMismatchException(String subject, List<Difference> differences, Throwable cause) {
    super(
        differences.stream()
            .map(difference -> "\n  - " + difference)
            .collect(Collectors.joining("", subject + " breaks its contract:", "")),
        cause);
    this.differences = List.copyOf(differences);
  }

  /** Returns every difference, in the order of the contract. */
  public List<Difference> differences() {
    return differences;
  }
}
