package io.thecodeforge.ml.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.contract.ContractMismatchException;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WatchedVisionServiceTest {

  private static final byte[] RED = Images.file("png", Color.RED, 4, 4);

  /** Looks only when a test says so, but where it is about the looking itself. */
  private static final WatchSettings NEVER = WatchSettings.DEFAULT.interval(Duration.ofDays(1));

  private static final int PATIENCE_S = 60;

  @TempDir Path models;

  private void publish(long version) {
    ToyModel.good().publish(models.resolve(Long.toString(version)));
  }

  @Test
  void movesToANewerVersionWhileItIsCalled() throws Exception {
    publish(1);
    AtomicBoolean done = new AtomicBoolean();
    Set<Long> answered = ConcurrentHashMap.newKeySet();
    ExecutorService pool = Executors.newFixedThreadPool(8);
    try (WatchedVisionService service = VisionService.watch(models, NEVER)) {
      List<Future<Long>> calls = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        calls.add(
            pool.submit(
                () -> {
                  long last = 0;
                  while (!done.get()) {
                    long version = service.classify(RED).version().getAsLong();
                    assertTrue(version >= last, "a later call is answered by no older version");
                    last = version;
                    answered.add(version);
                  }
                  return last;
                }));
      }
      for (long version = 2; version <= 9; version++) {
        publish(version);
        assertEquals(version, service.refresh().version());
      }
      done.set(true);
      for (Future<Long> call : calls) {
        call.get(PATIENCE_S, TimeUnit.SECONDS);
      }
      assertEquals(OptionalLong.of(9), service.metadata().version());
      assertEquals(ToyModel.CLASS_NAMES, service.contract().classNames());
    } finally {
      pool.shutdownNow();
    }
    assertTrue(answered.size() > 2, "versions that answered: " + answered);
  }

  @Test
  void refusesABadVersionSaysSoAndKeepsTheOld() {
    publish(1);
    List<String> told = new CopyOnWriteArrayList<>();
    WatchSettings settings =
        NEVER.listener(
            new WatchSettings.Listener() {
              @Override
              public void loaded(long version) {
                told.add("loaded " + version);
                throw new IllegalStateException("a listener that fails hurts nobody");
              }

              @Override
              public void refused(long version, VisionException why) {
                told.add("refused " + version);
                assertInstanceOf(ContractMismatchException.class, why);
              }
            });
    try (WatchedVisionService service = VisionService.watch(models, settings)) {
      ToyModel.answering("green", "red", "blue").publish(models.resolve("2"));
      WatchedVisionService.Status status = service.refresh();
      assertEquals(1, status.version());
      assertTrue(status.refused().get(2L).contains("class order"), () -> status.refused().get(2L));
      assertEquals(status, service.refresh(), "it is not tried again as long as it is the same");
      assertEquals(OptionalLong.of(1), service.classify(RED).version());
      ToyModel.good().publish(models.resolve("2"));
      assertEquals(new WatchedVisionService.Status(2, Map.of()), service.refresh());
    }
    assertEquals(List.of("loaded 1", "refused 2", "loaded 2"), told);
  }

  @Test
  void looksByItself() throws Exception {
    publish(1);
    CountDownLatch moved = new CountDownLatch(2);
    WatchSettings settings =
        WatchSettings.DEFAULT
            .interval(Duration.ofMillis(20))
            .listener(
                new WatchSettings.Listener() {
                  @Override
                  public void loaded(long version) {
                    moved.countDown();
                  }
                });
    try (WatchedVisionService service = VisionService.watch(models, settings)) {
      Files.createDirectories(models.resolve("not-a-version"));
      publish(2);
      assertTrue(moved.await(PATIENCE_S, TimeUnit.SECONDS));
      assertEquals(OptionalLong.of(2), service.classify(RED).version());
    }
  }

  @Test
  void startsWithTheNewestThatIsWhole() {
    publish(1);
    ToyModel.answering("green", "red", "blue").publish(models.resolve("2"));
    try (WatchedVisionService service = VisionService.watch(models, NEVER)) {
      assertEquals(1, service.status().version());
      assertEquals(Set.of(2L), service.status().refused().keySet());
    }
  }

  @Test
  void saysWhyNothingCanStart() {
    assertTrue(
        assertThrows(ModelLoadException.class, () -> VisionService.watch(models))
            .getMessage()
            .contains(" has no version: expected directories with a number for a name"));
    ToyModel.answering("green", "red", "blue").publish(models.resolve("2"));
    assertThrows(ContractMismatchException.class, () -> VisionService.watch(models));
    assertTrue(
        assertThrows(ModelLoadException.class, () -> VisionService.watch(models.resolve("nowhere")))
            .getMessage()
            .contains(" cannot be read: "));
    assertThrows(
        IllegalArgumentException.class, () -> WatchSettings.DEFAULT.interval(Duration.ZERO));
  }

  @Test
  void endsWithItsLastCall() {
    publish(1);
    WatchedVisionService service = VisionService.watch(models, NEVER);
    service.close();
    service.close();
    assertTrue(
        assertThrows(IllegalStateException.class, () -> service.classify(RED))
            .getMessage()
            .endsWith(" is closed; watch the model again"));
    publish(2);
    assertThrows(IllegalStateException.class, service::status);
    service.refresh();
    assertThrows(IllegalStateException.class, service::metadata);
  }

  @Test
  void aVersionInAnArchiveHasToBeTakenOut() throws IOException {
    Path archive = models.resolve("models.zip");
    try (FileSystem zip = FileSystems.newFileSystem(archive, Map.of("create", "true"))) {
      Path version = zip.getPath("/classifier/1");
      ToyModel.good().publish(version);
      for (Runnable load :
          List.<Runnable>of(
              () -> VisionService.load(version),
              () -> VisionService.watch(version.getParent()),
              () -> ModelService.load(version))) {
        String said = assertThrows(ModelLoadException.class, load::run).getMessage();
        assertTrue(
            said.startsWith("expected a directory of this computer's file system, received /cla")
                && said.endsWith("copy the version out first"),
            said);
      }
    }
  }

  @Test
  void nullIsSaidInASentence() {
    assertEquals(
        "expected a version's directory, received null",
        assertThrows(NullPointerException.class, () -> VisionService.load(null)).getMessage());
  }
}
