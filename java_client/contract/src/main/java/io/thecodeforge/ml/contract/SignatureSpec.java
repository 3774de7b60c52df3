package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BinaryOperator;

/**
 * Named inputs and outputs of one signature.
 *
 * @param inputs input by name, in the order of the contract
 * @param outputs output by name, in the order of the contract
 * @param ranking which outputs list the best of something; empty where they do not
 */
public record SignatureSpec(
    Map<String, TensorSpec> inputs, Map<String, TensorSpec> outputs, Optional<Ranking> ranking) {

  /** Copies the maps, so that a signature never changes. */
  public SignatureSpec {
    inputs = Collections.unmodifiableMap(new LinkedHashMap<>(inputs));
    outputs = Collections.unmodifiableMap(new LinkedHashMap<>(outputs));
  }

  /** Describes a signature whose outputs list nothing. */
  public SignatureSpec(Map<String, TensorSpec> inputs, Map<String, TensorSpec> outputs) {
    this(inputs, outputs, Optional.empty());
  }

  /**
   * Compares the tensors of one request with this signature's inputs.
   *
   * @param key the signature key, for messages
   * @param tensors dtype and sizes of each tensor about to be sent, by name
   * @return the differences; empty when the request may be sent
   */
  public List<Difference> inputDifferences(String key, Map<String, TensorSpec> tensors) {
    List<String> optional =
        inputs.keySet().stream().filter(name -> inputs.get(name).hasDefault()).toList();
    List<Difference> differences =
        new ArrayList<>(
            Difference.ofNames(key, "input", inputs.keySet(), tensors.keySet(), optional));
    differences.addAll(
        specDifferences(key, "input", inputs, tensors, SignatureSpec::brokenByARequest));
    return differences;
  }

  /**
   * Compares the tensors of one answer with this signature's outputs.
   *
   * @param key the signature key, for messages
   * @param tensors dtype and sizes of each tensor that came back, by name
   * @return the differences; empty when the answer may be read
   */
  public List<Difference> outputDifferences(String key, Map<String, TensorSpec> tensors) {
    List<Difference> differences =
        new ArrayList<>(
            Difference.ofNames(key, "output", outputs.keySet(), tensors.keySet(), List.of()));
    differences.addAll(
        specDifferences(key, "output", outputs, tensors, (want, got) -> "answer-form"));
    return differences;
  }

  private static List<Difference> specDifferences(
      String key,
      String role,
      Map<String, TensorSpec> want,
      Map<String, TensorSpec> tensors,
      BinaryOperator<String> ruleOfDtypes) {
    List<Difference> differences = new ArrayList<>();
    want.forEach(
        (name, spec) -> {
          TensorSpec tensor = tensors.get(name);
          if (tensor != null && !spec.admits(tensor)) {
            differences.add(
                new Difference(
                    ruleOfDtypes.apply(spec.dtype(), tensor.dtype()),
                    "%s %s \"%s\"".formatted(key, role, name),
                    spec.toString(),
                    tensor.toString()));
          }
        });
    return differences;
  }

  private static String brokenByARequest(String wanted, String received) {
    return wanted.equals(received) ? "input-shape" : "input-dtype";
  }

  /**
   * Returns this signature with each dimension's name replaced by its size.
   *
   * @param bound size of each named dimension that is known
   */
  public SignatureSpec resolve(Map<String, Long> bound) {
    return new SignatureSpec(resolve(inputs, bound), resolve(outputs, bound), ranking);
  }

  private static Map<String, TensorSpec> resolve(
      Map<String, TensorSpec> specs, Map<String, Long> bound) {
    Map<String, TensorSpec> resolved = new LinkedHashMap<>();
    specs.forEach((name, spec) -> resolved.put(name, spec.resolve(bound)));
    return resolved;
  }
}
