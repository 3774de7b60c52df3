package io.thecodeforge.ml.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The rule of comparison, over the cases that Python is held to as well. */
class ComparisonTest {

  private static final Path CASES =
      Path.of("..", "..", "tests", "signature_contract", "comparisons.json");

  @TestFactory
  Stream<DynamicTest> casesThatPythonIsHeldToAsWell() throws Exception {
    List<DynamicTest> tests = new ArrayList<>();
    for (Object entry : (List<?>) JsonDocument.read(new StringReader(Files.readString(CASES)))) {
      Map<?, ?> group = (Map<?, ?>) entry;
      SignatureSpec signature =
          Contract.parse(new Gson().toJson(group.get("contract")), "cases")
              .signature("serving_default");
      OptionalDouble threshold =
          group.get("threshold") instanceof Number value
              ? OptionalDouble.of(value.doubleValue())
              : OptionalDouble.empty();
      for (Object item : (List<?>) group.get("cases")) {
        Map<?, ?> one = (Map<?, ?>) item;
        tests.add(
            DynamicTest.dynamicTest(
                (String) one.get("name"),
                () -> {
                  Comparison found =
                      Comparison.of(
                          tensors(one.get("golden")),
                          tensors(one.get("answer")),
                          signature,
                          threshold,
                          "case");
                  assertEquals(one.get("ok"), found.ok(), found.differences().toString());
                }));
      }
    }
    assertTrue(tests.size() > 30, "the cases were read");
    return tests.stream();
  }

  @Test
  void distancesAreBetweenPartners() throws IOException {
    SignatureSpec logits = Contract.ofModel("classifier").signature("serving_default");
    Values golden = Values.of(new float[] {1.5f, -3f}, 1, 2);
    Values answer = Values.of(new float[] {1.5f, -3.25f}, 1, 2);
    Comparison found =
        Comparison.of(
            Map.of("logits", golden),
            Map.of("logits", answer),
            logits,
            OptionalDouble.empty(),
            "serving_default/one");
    assertEquals(Map.of("logits", 0.25), found.distances());
    assertEquals(
        List.of(
            "serving_default/one output \"logits\" (element 1): expected the golden answer -3.0"
                + " within 0.0002 + 2e-05 of the value, found -3.25"),
        found.differences().stream().map(Difference::toString).toList());
  }

  @Test
  void valuesFillTheirShape() {
    assertThrows(IllegalArgumentException.class, () -> Values.of(new double[3], 2, 2));
    assertEquals(Values.of(new double[] {0, 0}, 2), Values.of(new float[2], 2));
  }

  private static Map<String, Values> tensors(Object json) {
    Map<String, Values> tensors = new LinkedHashMap<>();
    ((Map<?, ?>) json).forEach((name, value) -> tensors.put((String) name, values(value)));
    return tensors;
  }

  private static Values values(Object json) {
    List<Integer> shape = new ArrayList<>();
    for (Object level = json; level instanceof List<?> list; level = list.get(0)) {
      shape.add(list.size());
    }
    List<Object> flat = new ArrayList<>();
    flatten(json, flat);
    return flat.get(0) instanceof String
        ? new Values(shape, new double[0], flat.stream().map(String.class::cast).toList())
        : new Values(
            shape,
            flat.stream().mapToDouble(item -> ((Number) item).doubleValue()).toArray(),
            List.of());
  }

  private static void flatten(Object json, List<Object> into) {
    if (json instanceof List<?> list) {
      list.forEach(item -> flatten(item, into));
    } else {
      into.add(json);
    }
  }
}
