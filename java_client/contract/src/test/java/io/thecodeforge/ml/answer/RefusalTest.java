package io.thecodeforge.ml.answer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class RefusalTest {

  private static final Path CASES = Path.of("..", "..", "tests", "java", "refusals.json");

  @TestFactory
  List<DynamicTest> casesThatPythonIsHeldToAsWell() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonElement entry : JsonParser.parseString(Files.readString(CASES)).getAsJsonArray()) {
      JsonObject one = entry.getAsJsonObject();
      String said = one.get("said").getAsString();
      tests.add(
          DynamicTest.dynamicTest(
              one.get("name").getAsString(),
              () -> {
                assertEquals(one.get("plain").getAsString(), Refusal.plain(said));
                assertEquals(one.get("about").getAsString(), Refusal.about(said).name());
              }));
    }
    assertTrue(tests.size() > 10, "the cases were read");
    return tests;
  }

  @Test
  void noWordsAtAll() {
    assertEquals("(no message)", Refusal.plain(null));
    assertEquals(Refusal.About.INPUT, Refusal.about(null));
  }
}
