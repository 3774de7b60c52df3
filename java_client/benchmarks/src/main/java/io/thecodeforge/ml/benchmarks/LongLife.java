package io.thecodeforge.ml.benchmarks;

import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.embedded.ModelService;
import io.thecodeforge.ml.embedded.VisionService;
import io.thecodeforge.ml.embedded.WatchSettings;
import io.thecodeforge.ml.embedded.WatchedVisionService;
import io.thecodeforge.ml.model.VisionModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/**
 * What many calls, or many swaps of versions, do to the process's memory.
 *
 * <pre>
 * LongLife first VERSION IMAGE CALLS THREADS
 * LongLife soak VERSION IMAGE CALLS THREADS
 * LongLife swap VERSION IMAGE SWAPS THREADS
 * LongLife toy VERSION CONTRACT CALLS THREADS
 * </pre>
 *
 * <p>{@code first} says how long the first call after loading takes beside the median of the next.
 * Every other call of a soak fails, on a file that is cut off; of {@code toy}, the tests' model of
 * three signatures, on tensors that do not fit each other. One line of JSON each tenth.
 */
public final class LongLife {

  private LongLife() {}

  /** Runs one of the four. */
  public static void main(String[] arguments) throws Exception {
    Path version = Path.of(arguments[1]);
    if (arguments[0].equals("toy")) {
      toy(arguments);
      return;
    }
    byte[] image = Files.readAllBytes(Path.of(arguments[2]));
    int count = Integer.parseInt(arguments[3]);
    int threads = Integer.parseInt(arguments[4]);
    if (arguments[0].equals("first")) {
      try (VisionService service = VisionService.load(version)) {
        first(service, image, count);
      }
    } else if (arguments[0].equals("soak")) {
      try (VisionService service = VisionService.load(version)) {
        byte[] cut = Arrays.copyOf(image, image.length / 2);
        soak(call -> ask(service, call % 2 == 0 ? image : cut), count, threads);
      }
    } else {
      swap(version, image, count, threads);
    }
  }

  private static void ask(VisionModel model, byte[] image) {
    if (model.contract().model().equals("detector")) {
      model.detect(image);
    } else {
      model.classify(image);
    }
  }

  private static void first(VisionModel model, byte[] image, int calls) {
    long[] nanos = new long[calls];
    for (int call = 0; call < calls; call++) {
      long begin = System.nanoTime();
      ask(model, image);
      nanos[call] = System.nanoTime() - begin;
    }
    double first = nanos[0] / 1e6;
    Arrays.sort(nanos, 1, calls);
    double steady = nanos[calls / 2] / 1e6;
    System.out.printf(
        "{\"first_ms\": %.1f, \"steady_p50_ms\": %.1f, \"first_over_steady\": %.2f}%n",
        first, steady, first / steady);
  }

  private static void toy(String[] arguments) throws Exception {
    Contract contract = Contract.load(Path.of(arguments[2]));
    TensorValue rows = TensorValue.of(new float[] {1, 2, 3, 4}, 2, 2);
    TensorValue two = TensorValue.of(new long[] {1, 2}, 2);
    TensorValue three = TensorValue.of(new long[] {1, 2, 3}, 3);
    try (ModelService service =
        ModelService.builder(Path.of(arguments[1])).contract(contract).load()) {
      soak(
          call -> {
            TensorValue weights = call % 2 == 0 ? two : three;
            service.predict("weighted_sum", Map.of("a", rows, "b", weights), List.of("total"));
          },
          Integer.parseInt(arguments[3]),
          Integer.parseInt(arguments[4]));
    }
  }

  private static void soak(LongConsumer ask, int calls, int threads) throws Exception {
    AtomicLong next = new AtomicLong();
    AtomicLong refused = new AtomicLong();
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    for (int i = 0; i < threads; i++) {
      pool.submit(
          () -> {
            for (long call = next.getAndIncrement(); call < calls; call = next.getAndIncrement()) {
              try {
                ask.accept(call);
              } catch (VisionException e) {
                refused.incrementAndGet();
              }
              if (call % (calls / 10) == 0) {
                say("calls", call);
              }
            }
            return null;
          });
    }
    pool.shutdown();
    pool.awaitTermination(1, TimeUnit.DAYS);
    say("calls", calls);
    System.out.printf("{\"refused\": %d}%n", refused.get());
  }

  private static void swap(Path version, byte[] image, int swaps, int threads) throws Exception {
    Path models = Files.createTempDirectory("swap");
    copy(version, models.resolve("1"));
    AtomicBoolean done = new AtomicBoolean();
    AtomicLong answered = new AtomicLong();
    AtomicLong failed = new AtomicLong();
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    WatchSettings settings = WatchSettings.DEFAULT.interval(Duration.ofDays(1));
    try (WatchedVisionService service = VisionService.watch(models, settings)) {
      for (int i = 0; i < threads; i++) {
        pool.submit(
            () -> {
              while (!done.get()) {
                try {
                  ask(service, image);
                  answered.incrementAndGet();
                } catch (RuntimeException e) {
                  failed.incrementAndGet();
                }
              }
            });
      }
      for (int number = 2; number <= swaps + 1; number++) {
        copy(version, models.resolve(Integer.toString(number)));
        if (service.refresh().version() != number) {
          throw new IllegalStateException("not moved: " + service.status());
        }
        delete(models.resolve(Integer.toString(number - 1)));
        if ((number - 1) % Math.max(1, swaps / 10) == 0) {
          say("swaps", number - 1L);
        }
      }
      done.set(true);
      pool.shutdown();
      pool.awaitTermination(1, TimeUnit.DAYS);
    } finally {
      pool.shutdownNow();
      delete(models);
    }
    System.out.printf("{\"answered\": %d, \"failed\": %d}%n", answered.get(), failed.get());
  }

  private static void say(String what, long count) {
    System.out.printf("{\"%s\": %d, \"resident_mb\": %d}%n", what, count, residentMegabytes());
  }

  private static long residentMegabytes() {
    try {
      String status = Files.readString(Path.of("/proc/self/status"));
      String line = status.lines().filter(one -> one.startsWith("VmRSS")).findFirst().orElseThrow();
      return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
    } catch (IOException e) {
      return -1;
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path one : (Iterable<Path>) all::iterator) {
        Path target = to.resolve(from.relativize(one).toString());
        if (Files.isDirectory(one)) {
          Files.createDirectories(target);
        } else {
          Files.copy(one, target);
        }
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path one : all.sorted((a, b) -> b.compareTo(a)).toList()) {
        Files.delete(one);
      }
    }
  }
}
