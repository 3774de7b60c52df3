package io.thecodeforge.ml.contract;

import io.thecodeforge.ml.InvalidInputException;
import java.util.List;
import java.util.stream.Collectors;

/** A request does not keep the contract; it was neither sent nor run. */
public final class RequestRefusedException extends InvalidInputException {
  private static final long serialVersionUID = 1L;

  private final transient List<Difference> differences;

  /**
   * Composes the message: every difference on a line of its own.
   *
   * @param model the model that was to be asked
   * @param signature the signature key
   * @param stage what did not happen: {@code sent} or {@code run}
   * @param differences every difference found
   */
  public RequestRefusedException(
      String model, String signature, String stage, List<Difference> differences) {
    super(
        "request to model \"%s\", signature \"%s\", refused before it was %s:%s"
            .formatted(
                model,
                signature,
                stage,
                differences.stream()
                    .map(difference -> "\n  - " + difference)
                    .collect(Collectors.joining())),
        null);
    this.differences = List.copyOf(differences);
  }

  /** Returns every difference, in the order of the contract. */
  public List<Difference> differences() {
    return differences;
  }
}
