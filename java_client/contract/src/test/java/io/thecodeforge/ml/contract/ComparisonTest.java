package io.thecodeforge.ml.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The rule of comparison, over the cases that Python is held to as well. */
class ComparisonTest {

  private static final Path CASES =
      Path.of("..", "..", "tests", "signature_contract", "comparisons.json");

  @TestFactory
  Stream<DynamicTest> casesThatPythonIsHeldToAsWell() throws Exception {
    List<DynamicTest> tests = new ArrayList<>();
    for (Object entry : (List<?>) JsonDocument.read(Files.readString(CASES))) {
      Map<?, ?> group = (Map<?, ?>) entry;
      SignatureSpec signature =
          Contract.parse(JsonText.of(group.get("contract")), "cases").signature("serving_default");
      Map<String, Object> parameters =
          group.containsKey("threshold") ? Map.of("threshold", group.get("threshold")) : Map.of();
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
                          parameters,
                          "case");
                  assertEquals(
                      one.get("differences"),
                      found.differences().stream().map(Difference::toString).toList());
                  assertEquals(((List<?>) one.get("differences")).isEmpty(), found.ok());
                }));
      }
    }
    assertTrue(tests.size() > 30, "the cases were read");
    return tests.stream();
  }

  private static Map<String, TensorValue> tensors(Object json) {
    Map<String, TensorValue> tensors = new LinkedHashMap<>();
    ((Map<?, ?>) json).forEach((name, value) -> tensors.put((String) name, tensor(value)));
    return tensors;
  }

  /** Reads a tensor as {@code {"dtype": …, "values": …}}, or its values alone. */
  private static TensorValue tensor(Object json) {
    if (json instanceof Map<?, ?> stated) {
      return tensor((String) stated.get("dtype"), stated.get("values"));
    }
    Object first = json;
    while (first instanceof List<?> list) {
      first = list.get(0);
    }
    return tensor(first instanceof String ? "string" : "float64", json);
  }

  private static TensorValue tensor(String dtype, Object json) {
    return new DefaultValue(json).tensor(dtype);
  }
}
