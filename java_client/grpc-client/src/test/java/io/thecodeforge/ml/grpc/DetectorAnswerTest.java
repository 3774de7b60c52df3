package io.thecodeforge.ml.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.thecodeforge.ml.Box;
import io.thecodeforge.ml.Detection;
import io.thecodeforge.ml.Detections;
import io.thecodeforge.ml.answer.DetectorAnswer;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.grpc.proto.DataType;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class DetectorAnswerTest {

  private static final Contract CONTRACT = Contract.ofModel(DetectorAnswer.MODEL);
  private static final String SIGNATURE = "serving_bytes";

  /** Two images with room for three detections each: two in the first, none in the second. */
  private static Map<String, TensorProto> outputs() {
    Map<String, TensorProto> outputs = new HashMap<>();
    outputs.put(
        "detection_boxes",
        floats(
            List.of(2L, 3L, 4L),
            .25,
            .5,
            .75,
            1,
            0,
            0,
            .125,
            .125,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0));
    outputs.put("detection_scores", floats(List.of(2L, 3L), .75, .5, 0, 0, 0, 0));
    outputs.put("detection_classes", floats(List.of(2L, 3L), 2, 1, 0, 0, 0, 0));
    outputs.put("num_detections", floats(List.of(2L), 2, 0));
    return outputs;
  }

  private static TensorProto floats(List<Long> shape, double... values) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setDtype(DataType.DT_FLOAT)
            .setTensorShape(FakeServing.shape(shape.stream().mapToLong(Long::longValue).toArray()));
    for (double value : values) {
      tensor.addFloatVal((float) value);
    }
    return tensor.build();
  }

  private static List<List<Detection>> read(Contract contract, Map<String, TensorProto> outputs) {
    return new PredictAnswer(contract, SIGNATURE, outputs, 2, OptionalLong.of(7))
        .detector().detections().stream()
            .peek(one -> assertEquals(OptionalLong.of(7), one.version()))
            .map(Detections::objects)
            .toList();
  }

  private static Contract naming(String... classes) {
    return new Contract(
        CONTRACT.model(),
        CONTRACT.signatures(),
        CONTRACT.dimensions(),
        Map.of("N", 3L),
        List.of(classes));
  }

  private static String refusal(String output, TensorProto tensor) {
    Map<String, TensorProto> changed = outputs();
    changed.put(output, tensor);
    return assertThrows(ContractMismatchException.class, () -> read(naming("cat", "dog"), changed))
        .getMessage();
  }

  @Test
  void readsOnlyWhatIsCounted() {
    assertEquals(
        List.of(
            List.of(
                new Detection("dog", 2, .75f, new Box(.25f, .5f, .75f, 1f)),
                new Detection("cat", 1, .5f, new Box(0f, 0f, .125f, .125f))),
            List.of()),
        read(naming("cat", "dog"), outputs()));
  }

  @Test
  void numbersClassesThatHaveNoNames() {
    assertEquals("unnamed class 2", read(CONTRACT, outputs()).get(0).get(0).label());
  }

  @Test
  void refusesOtherShapes() {
    assertTrue(
        refusal("detection_boxes", floats(List.of(2L, 3L, 5L)))
            .contains("output \"detection_boxes\": expected float32 [-1, 3, 4]"));
    assertTrue(
        refusal("num_detections", floats(List.of(1L), 2))
            .contains("output \"num_detections\": expected float32 [2], found float32 [1]"));
    assertTrue(
        refusal("detection_scores", floats(List.of(2L, 3L)))
            .contains("output \"detection_boxes\": expected float32 [2, 1, 4]"));
    Map<String, TensorProto> fewer = outputs();
    fewer.remove("num_detections");
    assertThrows(ContractMismatchException.class, () -> read(CONTRACT, fewer));
  }

  @Test
  void refusesCountsThatAreNone() {
    for (double count : new double[] {-1, 4, 1.5, Double.NaN}) {
      assertTrue(
          refusal("num_detections", floats(List.of(2L), count, 0))
              .contains("\"num_detections\": expected 0 to 3 rows, found " + (float) count));
    }
  }

  @Test
  void refusesClassesThatTheContractDoesNotName() {
    Map<Double, String> found =
        Map.of(3., "class 3", 0., "class 0", 1.5, "1.5", Double.POSITIVE_INFINITY, "Infinity");
    found.forEach(
        (number, words) ->
            assertTrue(
                refusal("detection_classes", floats(List.of(2L, 3L), number, 1, 0, 0, 0, 0))
                    .contains("expected classes 1 to 2, found " + words)));
  }

  @Test
  void refusesScoresAndBoxesOutOfRange() {
    assertTrue(
        refusal("detection_scores", floats(List.of(2L, 3L), .5, .75, 0, 0, 0, 0))
            .contains("expected descending order, found 0.75 after 0.5"));
    assertTrue(
        refusal("detection_scores", floats(List.of(2L, 3L), 1.5, .75, 0, 0, 0, 0))
            .contains("expected scores in [0, 1], found 1.5"));
    for (double[] edges : List.of(new double[] {.5, 0, .25, 1}, new double[] {0, 0, 1, 1.5})) {
      List<Double> values = new ArrayList<>();
      for (int i = 0; i < 24; i++) {
        values.add(i < 4 ? edges[i] : 0.);
      }
      double[] all = values.stream().mapToDouble(Double::doubleValue).toArray();
      assertTrue(
          refusal("detection_boxes", floats(List.of(2L, 3L, 4L), all))
              .contains("expected ymin <= ymax and xmin <= xmax in [0, 1], found"));
    }
  }

  @Test
  void roundsABoxToPixels() {
    assertEquals(new Box.Pixels(25, 20, 75, 40), new Box(.25f, .5f, .75f, 1f).pixels(100, 40));
    assertEquals(new Box.Pixels(1, 3, 2, 4), new Box(.125f, .3f, .375f, .375f).pixels(4, 10));
    assertThrows(IllegalArgumentException.class, () -> new Box(0, 0, 1, 1).pixels(0, 1));
  }
}
