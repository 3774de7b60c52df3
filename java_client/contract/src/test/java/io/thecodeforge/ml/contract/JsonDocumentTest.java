package io.thecodeforge.ml.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What is JSON and what is not, and where it stops being JSON: as Python's own reader says. */
class JsonDocumentTest {

  private static final Path TEXTS =
      Path.of("..", "..", "tests", "signature_contract", "json_texts.json");

  @TestFactory
  Stream<DynamicTest> aTextHasItsValue() throws Exception {
    return texts("good")
        .map(
            one ->
                DynamicTest.dynamicTest(
                    (String) one.get("name"),
                    () ->
                        assertEquals(
                            one.get("value"), JsonDocument.read((String) one.get("text")))));
  }

  @TestFactory
  Stream<DynamicTest> aTextThatIsNoJsonIsRefusedAtItsPlace() throws Exception {
    return texts("bad")
        .map(
            one ->
                DynamicTest.dynamicTest(
                    JsonText.of(one.get("text")),
                    () -> {
                      MalformedContractException refused =
                          assertThrows(
                              MalformedContractException.class,
                              () -> JsonDocument.read((String) one.get("text")));
                      String start = "x:%s: it is not JSON: ".formatted(one.get("place"));
                      assertTrue(refused.of("x").startsWith(start), refused.of("x"));
                    }));
  }

  @Test
  void wholeAndOtherNumbersAreTold() throws MalformedContractException {
    assertEquals(List.of(1L, 1.0, 1e2), JsonDocument.read("[1, 1.0, 1e2]"));
  }

  @Test
  void aRepeatedKeyIsNamed() {
    assertEquals(
        "the key \"a\" appears twice in one object",
        assertThrows(
                MalformedContractException.class,
                () -> JsonDocument.read("{\"a\": 1, \"\\u0061\": 2}"))
            .getMessage());
  }

  private static Stream<Map<?, ?>> texts(String kind)
      throws IOException, MalformedContractException {
    Map<?, ?> kinds = (Map<?, ?>) JsonDocument.read(Files.readString(TEXTS));
    List<?> texts = (List<?>) kinds.get(kind);
    assertTrue(texts.size() > 10, "the texts were read");
    return texts.stream().map(one -> (Map<?, ?>) one);
  }
}
