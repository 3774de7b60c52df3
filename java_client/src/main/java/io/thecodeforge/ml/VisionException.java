package io.thecodeforge.ml;

/**
 * Base of everything that this library throws on purpose.
 *
 * <pre>
 * VisionException
 *   ├── ContractFileException       a contract cannot be read as one
 *   ├── ContractMismatchException   a model, a server or an answer differs from its contract
 *   ├── ModelLoadException          TensorFlow cannot load or run the version
 *   ├── InvalidImageException       this input cannot be an image; the same call will fail again
 *   ├── InferenceException          the model failed on an input that the contract allows
 *   └── ServerException             a call to a server failed; carries the gRPC status
 *         ├── ServerUnavailableException   nobody answered, also after the retries
 *         └── DeadlineExceededException    the answer did not come in time
 * </pre>
 *
 * <p>A closed service or client answers {@link IllegalStateException}, a null argument {@link
 * NullPointerException}: those are mistakes in the calling program.
 */
public abstract sealed class VisionException extends RuntimeException
    permits ContractFileException,
        ContractMismatchException,
        ModelLoadException,
        InvalidImageException,
        InferenceException,
        ServerException {
  private static final long serialVersionUID = 1L;

  VisionException(String message, Throwable cause) {
    super(message, cause);
  }
}
