package io.thecodeforge.ml.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.image.ProbeImage;
import java.awt.Color;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.types.TUint8;

class VisionServiceTest {

  private static final float TOLERANCE = 1e-5f;

  @TempDir static Path models;

  private static Path version;
  private static VisionService service;

  @BeforeAll
  static void load() {
    version = ToyModel.good().publish(models.resolve("1"));
    service = VisionService.load(version);
  }

  @AfterAll
  static void close() {
    service.close();
  }

  /** The toy's logits are the channel means; the rest follows from the contract. */
  private static void assertAnswers(Color color, Classification answer, float tolerance) {
    float[] logits = color.getRGBColorComponents(null);
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    int best = 0;
    for (int i = 0; i < logits.length; i++) {
      String name = ToyModel.CLASS_NAMES.get(i);
      assertEquals(logits[i], answer.logits().get(name), tolerance);
      assertEquals(Math.exp(logits[i]) / sum, answer.probabilities().get(name), tolerance);
      best = logits[i] > logits[best] ? i : best;
    }
    assertEquals(ToyModel.CLASS_NAMES.get(best), answer.label());
    assertEquals(answer.probabilities().get(answer.label()), answer.probability());
    assertEquals(ToyModel.CLASS_NAMES, List.copyOf(answer.probabilities().keySet()));
  }

  @Test
  void answersOneFile() {
    Color color = new Color(200, 30, 5);
    assertAnswers(color, service.classify(Images.file("png", color, 7, 11)), TOLERANCE);
    // JPEG rounds: two steps of 255 are its own, not the model's.
    assertAnswers(color, service.classify(Images.file("jpg", color, 16, 8)), 2f / 255);
  }

  @Test
  void answersFilesOfDifferentSizesInOrder() {
    List<Color> colors = List.of(Color.RED, Color.GREEN, Color.BLUE, new Color(1, 2, 3));
    List<byte[]> files = new ArrayList<>();
    for (int i = 0; i < colors.size(); i++) {
      files.add(Images.file("png", colors.get(i), 3 + i, 9 - i));
    }
    List<Classification> answers = service.classify(files);
    for (int i = 0; i < colors.size(); i++) {
      assertAnswers(colors.get(i), answers.get(i), TOLERANCE);
    }
  }

  @Test
  void answersPixelsAndTensorsAlikeAndLeavesTheTensorOpen() {
    Color color = new Color(10, 250, 90);
    byte[] rgb = Images.pixels(color, 2, 5, 4);
    List<Classification> fromBytes = service.classifyPixels(rgb, 2, 5, 4);
    assertEquals(2, fromBytes.size());
    assertAnswers(color, fromBytes.get(1), TOLERANCE);
    try (TUint8 tensor = TUint8.tensorOf(Shape.of(2, 5, 4, 3), DataBuffers.of(rgb))) {
      assertEquals(fromBytes, service.classify(tensor));
      assertEquals(fromBytes, service.classify(tensor));
      assertEquals((byte) 250, tensor.getByte(1, 4, 3, 1));
    }
  }

  @Test
  void callsRunWhatLoadingHasPrepared() {
    try (VisionService fresh = VisionService.load(version)) {
      int prepared = fresh.preparedRuns();
      assertEquals(2, prepared, "one for each signature");
      fresh.classify(ProbeImage.png());
      fresh.classifyPixels(ProbeImage.pixels(), 1, ProbeImage.SIDE, ProbeImage.SIDE);
      TensorValue file = TensorValue.of(new byte[][] {ProbeImage.png()}, 1);
      fresh.predict("serving_bytes", Map.of("image_bytes", file));
      assertEquals(prepared, fresh.preparedRuns());
      fresh.predict("serving_bytes", Map.of("image_bytes", file), List.of("logits"));
      assertEquals(prepared + 1, fresh.preparedRuns(), "a choice of outputs is another run");
    }
  }

  @Test
  void theProbeIsTheSamePictureBothWays() {
    assertEquals(
        service.classifyPixels(ProbeImage.pixels(), 1, ProbeImage.SIDE, ProbeImage.SIDE),
        service.classify(List.of(ProbeImage.png())));
  }

  @Test
  void takesSessionSettings() {
    ConfigProto config = ConfigProto.newBuilder().setInterOpParallelismThreads(1).build();
    try (VisionService other = VisionService.load(version, config)) {
      assertAnswers(Color.RED, other.classify(Images.file("png", Color.RED, 2, 2)), TOLERANCE);
      assertEquals(ToyModel.CLASS_NAMES, other.contract().classNames());
    }
  }

  @Test
  void refusesWhatIsNoImage() {
    assertRefused("expected at least one image, received an empty batch", List.of());
    assertRefused(
        "image 0 of 1: expected a whole JPEG or PNG file, received no bytes at all",
        List.of(new byte[0]));
    assertRefused(
        "image 1 of 2: expected a whole JPEG or PNG file, received",
        List.of(ProbeImage.png(), Images.file("gif", Color.RED, 4, 4)));
    byte[] truncated = Arrays.copyOf(ProbeImage.png(), 60);
    assertRefused("image 0 of 1: serving_bytes refused the input: Invalid PNG", List.of(truncated));
    assertRefused(
        "image 2 of 4: serving_bytes refused the input: Invalid PNG",
        List.of(ProbeImage.png(), ProbeImage.png(), truncated, ProbeImage.png()));
    assertThrows(NullPointerException.class, () -> service.classify((byte[]) null));
  }

  private static void assertRefused(String message, List<byte[]> images) {
    InvalidImageException refusal =
        assertThrows(InvalidImageException.class, () -> service.classify(images));
    assertTrue(refusal.getMessage().startsWith(message), refusal::getMessage);
    assertEquals(1, refusal.getMessage().lines().count(), refusal::getMessage);
  }

  @ParameterizedTest
  @CsvSource({"0,4,4,3", "1,0,4,3", "1,4,0,3", "1,4,4,1", "1,4,4,4"})
  void refusesTensorsThatAreNoImages(long count, long height, long width, long channels) {
    try (TUint8 tensor = TUint8.tensorOf(Shape.of(count, height, width, channels))) {
      assertThrows(InvalidImageException.class, () -> service.classify(tensor));
    }
  }

  @Test
  void refusesTensorsOfAnotherRank() {
    try (TUint8 tensor = TUint8.tensorOf(Shape.of(4, 4, 3))) {
      InvalidImageException refusal =
          assertThrows(InvalidImageException.class, () -> service.classify(tensor));
      assertEquals(
          "expected uint8 [batch, height, width, 3], received uint8 [4, 4, 3]",
          refusal.getMessage());
    }
  }

  @Test
  void refusesBuffersOfAnotherSize() {
    InvalidImageException refusal =
        assertThrows(
            InvalidImageException.class, () -> service.classifyPixels(new byte[47], 1, 4, 4));
    assertEquals(
        "expected 48 bytes for 1 RGB images of 4 rows and 4 columns, received 47",
        refusal.getMessage());
    assertThrows(InvalidImageException.class, () -> service.classifyPixels(new byte[0], 1, 0, 4));
  }

  @Test
  void aRefusalLeavesTheServiceUsable() {
    byte[] truncated = Arrays.copyOf(ProbeImage.png(), 60);
    for (int i = 0; i < 20; i++) {
      assertThrows(InvalidImageException.class, () -> service.classify(truncated));
    }
    assertAnswers(Color.BLUE, service.classify(Images.file("png", Color.BLUE, 2, 2)), TOLERANCE);
  }

  @Test
  void answersManyThreadsAtOnce() throws Exception {
    List<Callable<Void>> calls = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      Color color = new Color(i, 255 - i, (7 * i) % 256);
      byte[] file = Images.file("png", color, 1 + i % 5, 1 + i % 7);
      calls.add(
          () -> {
            assertAnswers(color, service.classify(file), TOLERANCE);
            return null;
          });
    }
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      for (Future<Void> call : threads.invokeAll(calls)) {
        call.get();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void closeWaitsForRunningCallsAndEndsTheService() throws Exception {
    VisionService other = VisionService.load(version);
    byte[] rgb = Images.pixels(Color.GREEN, 4, 256, 256);
    int threadCount = 6;
    CountDownLatch running = new CountDownLatch(threadCount);
    ExecutorService threads = Executors.newFixedThreadPool(threadCount);
    try {
      List<Future<IllegalStateException>> ends = new ArrayList<>();
      for (int i = 0; i < threadCount; i++) {
        ends.add(
            threads.submit(
                () -> {
                  // Each call is either answered whole or refused because of the close.
                  while (true) {
                    try {
                      other.classifyPixels(rgb, 4, 256, 256);
                      running.countDown();
                    } catch (IllegalStateException e) {
                      return e;
                    }
                  }
                }));
      }
      running.await();
      other.close();
      for (Future<IllegalStateException> end : ends) {
        assertEquals(
            "the service for %s is closed; load the version again".formatted(version),
            end.get().getMessage());
      }
    } finally {
      threads.shutdownNow();
    }
    other.close();
    assertThrows(IllegalStateException.class, () -> other.classify(ProbeImage.png()));
    assertSame(ToyModel.CLASS_NAMES.size(), other.contract().classNames().size());
  }
}
