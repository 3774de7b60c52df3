package io.thecodeforge.ml.contract;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * How a SavedModel's or a server's message of signatures is read into the contract's own terms.
 *
 * <p>TensorFlow Java has classes of its own for those messages and the gRPC client others; each
 * says here where the parts of its own are.
 *
 * @param <S> the message of one signature
 * @param <T> the message of one of its tensors
 * @param inputs finds a signature's inputs by name
 * @param outputs finds a signature's outputs by name
 * @param defaults finds the values of the inputs that a request may leave out
 * @param spec reads the dtype and the shape of a tensor
 */
public record Declaration<S, T>(
    Function<S, Map<String, T>> inputs,
    Function<S, Map<String, T>> outputs,
    Function<S, Map<String, TensorMessage>> defaults,
    Function<T, TensorSpec> spec) {

  /** TensorFlow's own entry in a map of signatures; it is none. */
  private static final String INIT_OP_KEY = "__saved_model_init_op";

  /**
   * Reads signatures.
   *
   * @param messages message by signature key
   * @return signature by key in alphabetical order, since a message's maps have none; without
   *     TensorFlow's initialisation entry
   */
  public Map<String, SignatureSpec> signatures(Map<String, S> messages) {
    Map<String, SignatureSpec> signatures = new TreeMap<>();
    messages.forEach(
        (key, message) -> {
          if (!key.equals(INIT_OP_KEY)) {
            Map<String, TensorSpec> taken = specs(inputs.apply(message));
            defaults
                .apply(message)
                .forEach(
                    (name, value) ->
                        taken.computeIfPresent(
                            name,
                            (same, spec) -> spec.withDefault(DefaultValue.of(value.tensor()))));
            signatures.put(key, new SignatureSpec(taken, specs(outputs.apply(message))));
          }
        });
    return signatures;
  }

  private Map<String, TensorSpec> specs(Map<String, T> tensors) {
    Map<String, TensorSpec> specs = new TreeMap<>();
    tensors.forEach((name, tensor) -> specs.put(name, spec.apply(tensor)));
    return specs;
  }
}
