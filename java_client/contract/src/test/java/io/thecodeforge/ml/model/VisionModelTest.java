package io.thecodeforge.ml.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.thecodeforge.ml.Box;
import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.Detection;
import io.thecodeforge.ml.Detections;
import io.thecodeforge.ml.answer.Futures;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.image.ImageInput;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;

class VisionModelTest {

  /** What a program's own tests put in a model's place. */
  private static final class Fake implements VisionModel {
    private final List<ImageInput> asked = new ArrayList<>();

    @Override
    public List<Classification> classifyAll(Collection<? extends ImageInput> images) {
      asked.addAll(images);
      return images.stream().map(image -> classification()).toList();
    }

    @Override
    public List<Detections> detectAll(Collection<? extends ImageInput> images) {
      throw new UnsupportedOperationException("no detector");
    }

    @Override
    public Map<String, TensorValue> predict(
        String signature, Map<String, TensorValue> inputs, Collection<String> outputs) {
      return Map.of(signature, TensorValue.of(new float[] {inputs.size()}, 1));
    }

    @Override
    public ModelMetadata metadata() {
      return new ModelMetadata("classifier", OptionalLong.of(3), Map.of());
    }

    @Override
    public Contract contract() {
      return Contract.ofModel("classifier");
    }

    @Override
    public void close() {}
  }

  private static Classification classification() {
    Map<String, Float> values = new LinkedHashMap<>();
    values.put("cat", .25f);
    values.put("dog", .5f);
    values.put("cow", .25f);
    return new Classification("dog", .5f, values, values, OptionalLong.of(3));
  }

  @Test
  void everyFormEndsInTheCollection() throws Exception {
    Fake fake = new Fake();
    VisionModel model = fake;
    byte[] file = {1};
    assertEquals("dog", model.classify(file).label());
    model.classify(ByteBuffer.wrap(file));
    model.classify(new ByteArrayInputStream(file));
    model.classify(new BufferedImage(2, 2, BufferedImage.TYPE_INT_RGB));
    model.classify(List.of(file, file));
    model.classifyPixels(new byte[12], 2, 1, 2);
    assertEquals("dog", model.classifyAsync(ImageInput.of(file)).get().label());
    assertEquals(9, fake.asked.size());
    assertInstanceOf(ImageInput.Pixels.class, fake.asked.get(3));
    assertEquals(0f, model.predict(Map.of()).get(Model.DEFAULT_SIGNATURE).floats()[0]);
  }

  @Test
  void aFailureComesOutOfTheFutureItself() {
    ExecutionException failure =
        assertThrows(
            ExecutionException.class,
            () -> new Fake().detectAsync(ImageInput.of(new byte[] {1})).get());
    assertInstanceOf(UnsupportedOperationException.class, failure.getCause());
  }

  @Test
  void cancellingReachesTheCallBehind() {
    CompletableFuture<String> call = new CompletableFuture<>();
    CompletableFuture<Integer> answer =
        Futures.then(Futures.then(call, String::length), n -> n + 1);
    answer.cancel(true);
    assertTrue(call.isCancelled());
  }

  @Test
  void theBestClasses() {
    assertEquals(
        List.of(new Classification.Guess("dog", .5f), new Classification.Guess("cat", .25f)),
        classification().top(2));
    assertEquals(3, classification().top(9).size());
    assertEquals(List.of(new Classification.Guess("dog", .5f)), classification().minScore(.4f));
    assertThrows(IllegalArgumentException.class, () -> classification().top(-1));
    assertThrows(IllegalArgumentException.class, () -> classification().minScore(Float.NaN));
  }

  @Test
  void theSurestObjects() {
    Box box = new Box(0, 0, 1, 1);
    Detection sure = new Detection("dog", 2, .9f, box);
    Detection unsure = new Detection("cat", 1, .1f, box);
    Detections all = new Detections(List.of(sure, unsure), OptionalLong.of(3));
    assertEquals(List.of(sure), all.top(1).objects());
    assertEquals(List.of(sure), all.minScore(.5f).objects());
    assertEquals(OptionalLong.of(3), all.minScore(.5f).version());
    List<Detection> seen = new ArrayList<>();
    all.forEach(seen::add);
    assertEquals(all.objects(), seen);
    assertThrows(IllegalArgumentException.class, () -> all.minScore(1.5f));
  }
}
