package io.thecodeforge.ml.answer;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/** Futures whose cancellation reaches the call behind them, which that of the JDK's do not. */
public final class Futures {

  private Futures() {}

  /**
   * Returns a future of something else; cancelling it cancels its source.
   *
   * @param <T> what the source has
   * @param <U> what is made of it
   * @param source the future to wait for
   * @param convert makes one of the other; what it throws becomes the failure
   */
  public static <T, U> CompletableFuture<U> then(
      CompletableFuture<T> source, Function<? super T, ? extends U> convert) {
    CompletableFuture<U> result = new CompletableFuture<>();
    source.whenComplete(
        (value, failure) -> {
          if (failure != null) {
            result.completeExceptionally(cause(failure));
            return;
          }
          try {
            result.complete(convert.apply(value));
          } catch (RuntimeException | Error e) {
            result.completeExceptionally(e);
          }
        });
    cancelWith(result, source);
    return result;
  }

  /**
   * Cancels a future when another one is cancelled.
   *
   * @param outer the future that a caller holds
   * @param inner the future of the work behind it
   */
  public static void cancelWith(CompletableFuture<?> outer, CompletableFuture<?> inner) {
    outer.whenComplete(
        (value, failure) -> {
          if (outer.isCancelled()) {
            inner.cancel(true);
          }
        });
  }

  /** Returns what went wrong, without what {@link CompletableFuture} wraps around it. */
  public static Throwable cause(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }
}
