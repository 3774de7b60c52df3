package io.thecodeforge.ml.grpc;

import io.thecodeforge.ml.answer.Futures;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/**
 * Several calls under way at the same time, some at once; the first failure cancels the others.
 *
 * @param <Q> what a call is about
 * @param <A> its answer
 */
final class SideBySide<Q, A> {

  private final List<Q> questions;
  private final Function<Q, CompletableFuture<A>> call;
  private final List<A> answers;
  private final List<CompletableFuture<A>> started = new ArrayList<>(); // guarded by itself
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicInteger open;
  private final CompletableFuture<List<A>> result = new CompletableFuture<>();

  private SideBySide(List<Q> questions, Function<Q, CompletableFuture<A>> call) {
    this.questions = questions;
    this.call = call;
    this.answers = Collections.synchronizedList(new ArrayList<>());
    questions.forEach(question -> answers.add(null));
    this.open = new AtomicInteger(questions.size());
  }

  /**
   * Makes the calls.
   *
   * @param questions what they are about, at least one
   * @param atOnce how many are under way at most
   * @param call starts one
   * @return the answers in the order of the questions, or the first failure
   */
  static <Q, A> CompletableFuture<List<A>> run(
      List<Q> questions, int atOnce, Function<Q, CompletableFuture<A>> call) {
    SideBySide<Q, A> calls = new SideBySide<>(questions, call);
    calls.result.whenComplete((answers, failure) -> calls.cancelIf(failure != null));
    for (int i = 0; i < Math.min(atOnce, questions.size()); i++) {
      calls.startNext();
    }
    return calls.result;
  }

  private void startNext() {
    int position = next.getAndIncrement();
    if (position >= questions.size() || result.isDone()) {
      return;
    }
    CompletableFuture<A> answer;
    try {
      answer = call.apply(questions.get(position));
    } catch (RuntimeException e) {
      result.completeExceptionally(e);
      return;
    }
    synchronized (started) {
      started.add(answer);
    }
    cancelIf(result.isCompletedExceptionally()); // it failed while this one was being started
    answer.whenComplete(
        (value, failure) -> {
          if (failure != null) {
            result.completeExceptionally(Futures.cause(failure));
            return;
          }
          answers.set(position, value);
          if (open.decrementAndGet() == 0) {
            result.complete(List.copyOf(answers));
          } else {
            startNext();
          }
        });
  }

  private void cancelIf(boolean failed) {
    if (failed) {
      synchronized (started) {
        started.forEach(answer -> answer.cancel(true));
      }
    }
  }
}
