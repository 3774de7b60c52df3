package io.thecodeforge.ml.image;

import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.answer.Futures;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Which file of a batch a model refuses: it does not say itself, so it is asked again about halves.
 *
 * <p>About as many files are sent once more as the batch has, in as many calls as its number has
 * binary digits; and only after a refusal.
 */
public final class RefusedFile {

  private final ImageBatch.Files batch;
  private final Function<ImageBatch.Files, CompletableFuture<Optional<InvalidImageException>>> ask;

  private RefusedFile(
      ImageBatch.Files batch,
      Function<ImageBatch.Files, CompletableFuture<Optional<InvalidImageException>>> ask) {
    this.batch = batch;
    this.ask = ask;
  }

  /**
   * Finds the first file that is refused.
   *
   * @param batch the files, which were refused together
   * @param refusal that refusal
   * @param ask asks about some of the files; has their refusal, or nothing where they are answered
   * @return the refusal with the file's place; without it where asking failed otherwise
   */
  public static CompletableFuture<InvalidImageException> find(
      ImageBatch.Files batch,
      InvalidImageException refusal,
      Function<ImageBatch.Files, CompletableFuture<Optional<InvalidImageException>>> ask) {
    CompletableFuture<InvalidImageException> found =
        new RefusedFile(batch, ask).between(0, batch.files().size(), refusal);
    CompletableFuture<InvalidImageException> result =
        found.exceptionally(notAsked -> refusal); // no time left, or no server: say what is known
    Futures.cancelWith(result, found);
    return result;
  }

  private CompletableFuture<InvalidImageException> between(
      int start, int end, InvalidImageException refusal) {
    if (end - start == 1) {
      return CompletableFuture.completedFuture(batch.refusal(start, refusal));
    }
    int middle = (start + end) >>> 1;
    return ask.apply(batch.part(start, middle))
        .thenCompose(
            first ->
                first.isPresent()
                    ? between(start, middle, first.get())
                    : between(middle, end, refusal));
  }
}
