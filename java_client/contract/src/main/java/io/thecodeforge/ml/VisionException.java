package io.thecodeforge.ml;

/**
 * Base of everything that this library throws on purpose.
 *
 * <pre>
 * VisionException
 *   ├── contract.ContractFileException       a contract cannot be read as one
 *   ├── contract.ContractMismatchException   a model, a server or an answer differs from its contract
 *   ├── ModelLoadException                   TensorFlow cannot load or run the version
 *   ├── InvalidInputException                this input cannot be answered; asking again will not help
 *   │     ├── InvalidImageException             it cannot be an image
 *   │     └── contract.RequestRefusedException  it is not what the contract says
 *   ├── InferenceException                   the model failed on an input that the contract allows
 *   ├── embedded.NativeMemoryException       there was not enough native memory for one call
 *   ├── grpc.CallInterruptedException        the calling thread was interrupted while it waited
 *   └── grpc.ServerException                 a call to a server failed; carries the gRPC status
 *         ├── grpc.ServerUnavailableException   nobody answered, or could, also after the retries
 *         └── grpc.DeadlineExceededException    the answer did not come in time
 * </pre>
 *
 * <p>A closed service or client answers {@link IllegalStateException}, a null argument {@link
 * NullPointerException}: those are mistakes in the calling program.
 */
public abstract class VisionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Says what is wrong.
   *
   * @param message what was expected, what was found, and how to put it right
   * @param cause what was caught, or null
   */
  protected VisionException(String message, Throwable cause) {
    super(message, cause);
  }
}
