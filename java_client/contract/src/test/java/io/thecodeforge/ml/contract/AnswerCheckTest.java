package io.thecodeforge.ml.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Is an answer what its signature says? The cases that Python is held to as well. */
class AnswerCheckTest {

  private static final Path CASES =
      Path.of("..", "..", "tests", "signature_contract", "answers.json");

  @TestFactory
  Stream<DynamicTest> anAnswerIsHeldToItsSignature() throws IOException {
    JsonArray groups = JsonParser.parseString(Files.readString(CASES)).getAsJsonArray();
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonElement group : groups) {
      Contract contract =
          Contract.parse(group.getAsJsonObject().get("contract").toString(), "the contract");
      for (JsonElement one : group.getAsJsonObject().getAsJsonArray("cases")) {
        tests.add(
            DynamicTest.dynamicTest(
                one.getAsJsonObject().get("name").getAsString(),
                () ->
                    assertEquals(
                        texts(one.getAsJsonObject().get("differences")),
                        differences(contract, one.getAsJsonObject().get("answer")))));
      }
    }
    assertTrue(tests.size() > 10, "the cases were read");
    return tests.stream();
  }

  private static List<String> differences(Contract contract, JsonElement answer) {
    Map<String, TensorValue> tensors = new LinkedHashMap<>();
    answer
        .getAsJsonObject()
        .entrySet()
        .forEach(one -> tensors.put(one.getKey(), tensor(one.getValue())));
    return new AnswerCheck(contract, "x")
        .differences("s", tensors, List.of()).stream().map(Difference::toString).toList();
  }

  private static List<String> texts(JsonElement json) {
    return List.of(new Gson().fromJson(json, String[].class));
  }

  /** Reads a tensor as {@code {"dtype": …, "values": …}}, or its values: float32, or text. */
  private static TensorValue tensor(JsonElement json) {
    if (json.isJsonObject()) {
      Object values = new Gson().fromJson(json.getAsJsonObject().get("values"), Object.class);
      return new DefaultValue(values).tensor(json.getAsJsonObject().get("dtype").getAsString());
    }
    JsonElement first = json;
    while (first.isJsonArray()) {
      first = first.getAsJsonArray().get(0);
    }
    String dtype = first.getAsJsonPrimitive().isString() ? "string" : "float32";
    return new DefaultValue(new Gson().fromJson(json, Object.class)).tensor(dtype);
  }
}
