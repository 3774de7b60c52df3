package io.thecodeforge.ml.model;

import io.thecodeforge.ml.InferenceException;
import io.thecodeforge.ml.InvalidInputException;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.RequestRefusedException;
import io.thecodeforge.ml.contract.TensorValue;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * A model that answers tensors with tensors, in this process or on a server.
 *
 * <p>Every implementation of this library is thread-safe: one model for all threads. What a call
 * throws where it runs (no server, no memory) is a {@link io.thecodeforge.ml.VisionException} too.
 */
public interface Model extends AutoCloseable {

  /** The signature that is asked where no other is named. */
  String DEFAULT_SIGNATURE = "serving_default";

  /**
   * Asks a signature for some of its outputs.
   *
   * @param signature the signature key
   * @param inputs tensor by input name, whose arrays are not to be changed meanwhile; an input that
   *     has a default value may be left out
   * @param outputs names of the outputs to compute; empty for all
   * @return tensor by output name
   * @throws RequestRefusedException when the request is not what the contract says; nothing is run
   *     or sent
   * @throws InvalidInputException when the model refuses the input
   * @throws InferenceException when the model fails otherwise
   * @throws ContractMismatchException when the answer is not what the contract says
   * @throws IllegalStateException after {@link #close}
   */
  Map<String, TensorValue> predict(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs);

  /**
   * Asks a signature for all its outputs; throws as {@link #predict(String, Map, Collection)}.
   *
   * @param signature the signature key
   * @param inputs tensor by input name
   * @return tensor by output name
   */
  default Map<String, TensorValue> predict(String signature, Map<String, TensorValue> inputs) {
    return predict(signature, inputs, List.of());
  }

  /**
   * Asks the signature {@link #DEFAULT_SIGNATURE} for all its outputs; throws as {@link
   * #predict(String, Map, Collection)}.
   *
   * @param inputs tensor by input name
   * @return tensor by output name
   */
  default Map<String, TensorValue> predict(Map<String, TensorValue> inputs) {
    return predict(DEFAULT_SIGNATURE, inputs);
  }

  /**
   * Asks as {@link #predict(String, Map, Collection)} does, without waiting.
   *
   * <p>On a server no thread waits for the answer, and cancelling the future cancels the call. In
   * this process a thread of {@link java.util.concurrent.ForkJoinPool#commonPool} does the work.
   *
   * @param signature the signature key
   * @param inputs tensor by input name, whose arrays are not to be changed until it is done
   * @param outputs names of the outputs to compute; empty for all
   * @return tensor by output name; it fails with what {@code predict} would throw
   */
  default CompletableFuture<Map<String, TensorValue>> predictAsync(
      String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
    return CompletableFuture.supplyAsync(() -> predict(signature, inputs, outputs));
  }

  /**
   * Returns what the model is said to be: by the server, or by the SavedModel's own file.
   *
   * @throws ContractMismatchException when that cannot be read as signatures
   * @throws IllegalStateException after {@link #close}
   */
  ModelMetadata metadata();

  /**
   * Returns the contract that requests and answers are held to.
   *
   * @throws IllegalStateException when the model was opened without one
   */
  Contract contract();

  /**
   * Ends the model's use. Calls that run may finish; later ones throw {@link
   * IllegalStateException}. Closing again does nothing.
   */
  @Override
  void close();
}
