package io.thecodeforge.ml.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The library and what is bare in turns, in the same threads and moments: their ratio holds on a
 * machine that has other work, where two measurements one after the other do not.
 *
 * <pre>
 * Alternating embedded VERSION IMAGE THREADS SECONDS
 * Alternating client VERSION IMAGE THREADS SECONDS TARGET
 * </pre>
 */
public final class Alternating {

  private final List<Double> library = Collections.synchronizedList(new ArrayList<>());
  private final List<Double> bare = Collections.synchronizedList(new ArrayList<>());

  private Alternating() {}

  /** Measures one of the two, and prints one line of JSON. */
  public static void main(String[] arguments) throws Exception {
    int threads = Integer.parseInt(arguments[3]);
    int seconds = Integer.parseInt(arguments[4]);
    if (arguments[0].equals("embedded")) {
      EmbeddedBenchmark state = embedded(arguments);
      new Alternating().measure(threads, seconds, state::library, state::session);
      state.free();
    } else {
      ClientBenchmark state = client(arguments);
      new Alternating().measure(threads, seconds, state::library, state::stub);
      state.close();
    }
  }

  private static EmbeddedBenchmark embedded(String[] arguments) throws IOException {
    EmbeddedBenchmark state = new EmbeddedBenchmark();
    state.version = arguments[1];
    state.image = arguments[2];
    state.load();
    return state;
  }

  private static ClientBenchmark client(String[] arguments) throws IOException {
    ClientBenchmark state = new ClientBenchmark();
    state.version = arguments[1];
    state.image = arguments[2];
    state.target = arguments[5];
    state.open();
    return state;
  }

  private void measure(int threads, int seconds, Callable<?> ours, Callable<?> theirs)
      throws Exception {
    alternate(threads, seconds / 3.0, ours, theirs);
    library.clear(); // the compiler has seen both by now
    bare.clear();
    alternate(threads, seconds, ours, theirs);
    System.out.printf(
        "{\"threads\": %d, \"calls\": %d, \"library_p50_ms\": %.3f, \"bare_p50_ms\": %.3f,"
            + " \"over_bare\": %.3f}%n",
        threads, library.size(), p50(library), p50(bare), p50(library) / p50(bare));
  }

  private void alternate(int threads, double seconds, Callable<?> ours, Callable<?> theirs)
      throws Exception {
    long end = System.nanoTime() + (long) (seconds * 1e9);
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    List<Future<?>> callers = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      boolean startsWithOurs = i % 2 == 0;
      callers.add(
          pool.submit(
              () -> {
                for (boolean isOurs = startsWithOurs; System.nanoTime() < end; isOurs = !isOurs) {
                  long start = System.nanoTime();
                  (isOurs ? ours : theirs).call();
                  (isOurs ? library : bare).add((System.nanoTime() - start) / 1e6);
                }
                return null;
              }));
    }
    try {
      for (Future<?> caller : callers) {
        caller.get();
      }
    } finally {
      pool.shutdownNow(); // its threads would keep a failed measurement alive
    }
  }

  private static double p50(List<Double> times) {
    return times.stream().sorted().skip(times.size() / 2).findFirst().orElse(Double.NaN);
  }
}
