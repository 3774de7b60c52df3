package io.thecodeforge.ml.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The contract's JSON format, by the documents that Python's reader is held to as well. */
class ContractFormatTest {

  private static final Path DOCUMENTS =
      Path.of("..", "..", "tests", "signature_contract", "documents");

  @TestFactory
  Stream<DynamicTest> goodDocuments() throws Exception {
    Map<?, ?> lines = json("good_lines.json");
    return documents(
        "good",
        lines,
        file -> () -> assertEquals(lines.get(stem(file)), lines(Contract.load(file))));
  }

  @TestFactory
  Stream<DynamicTest> badDocuments() throws Exception {
    Map<?, ?> messages = json("bad_messages.json");
    return documents(
        "bad",
        messages,
        file ->
            () -> {
              String message =
                  assertThrows(ContractFileException.class, () -> Contract.load(file)).getMessage();
              String expected = (String) messages.get(stem(file));
              assertTrue(message.contains(expected), () -> message + " lacks " + expected);
              assertTrue(message.startsWith(file.toString()), message);
              assertFalse(message.contains("\n"), message);
            });
  }

  @Test
  void nestingWithoutEndIsRefused() {
    assertEquals(
        "contract: it is nested too deep",
        assertThrows(
                ContractFileException.class, () -> Contract.parse("[".repeat(100_000), "contract"))
            .getMessage());
  }

  @Test
  void otherBytesThanTextAreRefused(@TempDir Path folder) throws IOException {
    Path file = Files.write(folder.resolve("a.json"), new byte[] {-1, -2, '{', '}'});
    assertEquals(
        file + ": expected UTF-8 text, found other bytes",
        assertThrows(ContractFileException.class, () -> Contract.load(file)).getMessage());
  }

  @Test
  void aPlaceInTheTextIsNamed() {
    assertEquals(
        "contract:2:12: it is not JSON: expected a value",
        assertThrows(
                ContractFileException.class,
                () -> Contract.parse("{\n  \"model\": ,\n}", "contract"))
            .getMessage());
  }

  @Test
  void parametersAreReadAsWritten() {
    Contract contract =
        Contract.parse(
            """
            {"model": "toy", "contract_version": "2.1", "signatures": {"serving_default":
             {"inputs": {}, "outputs": {"y": {"dtype": "float32", "shape": null}}}},
             "parameters": {"threshold": 0.25, "anchors": [1, null]}}
            """,
            "toy.json");
    assertEquals(0.25, contract.parameters().get("threshold"));
    assertEquals("[1, null]", JsonText.of(contract.parameters().get("anchors")));
  }

  @Test
  void defaultsAreEqualByValue() throws MalformedContractException {
    assertEquals(value("[1, [2.5, \"a\"]]"), value("[1.0, [2.50, \"a\"]]"));
    assertEquals(value("true"), value("1"));
    assertFalse(value("[1]").equals(value("1")));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, 0.0",
    "-0.0, -0, -0.0",
    "1e300, 1e+300, 1e+300",
    "123456789, 1.23457e+08, 123456789.0",
    "0.0001, 0.0001, 0.0001",
    "0.00001234, 1.234e-05, 1.234e-05",
    "999999.5, 1e+06, 999999.5",
    "5.684341886080802E-14, 5.68434e-14, 5.684341886080802e-14",
    "2e-3, 0.002, 0.002",
    "1e16, 1e+16, 1e+16",
    "-250, -250, -250.0",
    "NaN, nan, nan",
    "-Infinity, -inf, -inf",
  })
  void numbersAreWrittenAsPythonDoes(double value, String general, String exact) {
    assertEquals(general, NumberText.general(value));
    assertEquals(exact, NumberText.exact(value));
  }

  private static DefaultValue value(String json) throws MalformedContractException {
    return new DefaultValue(JsonDocument.read(json));
  }

  private static Stream<DynamicTest> documents(
      String folder, Map<?, ?> answers, Function<Path, Executable> test) throws IOException {
    try (Stream<Path> files = Files.list(DOCUMENTS.resolve(folder))) {
      List<Path> found = files.sorted().toList();
      assertEquals(answers.size(), found.size(), "every document has its answer");
      return found.stream().map(file -> DynamicTest.dynamicTest(stem(file), test.apply(file)));
    }
  }

  private static Map<?, ?> json(String name) throws Exception {
    String text = Files.readString(DOCUMENTS.resolve(name));
    return (Map<?, ?>) JsonDocument.read(text);
  }

  private static String stem(Path file) {
    return file.getFileName().toString().replace(".json", "");
  }

  /** What a contract says, one thing a line, as the Python test writes it too. */
  private static List<String> lines(Contract contract) {
    List<String> lines = new ArrayList<>();
    lines.add("model " + contract.model());
    lines.add("tags " + String.join(", ", contract.tags()));
    lines.add("classes " + String.join(", ", contract.classNames()));
    for (String key : contract.signatures().keySet()) {
      SignatureSpec signature = contract.resolved(key);
      signature.inputs().forEach((name, spec) -> lines.add(line(key, "input", name, spec)));
      signature.outputs().forEach((name, spec) -> lines.add(line(key, "output", name, spec)));
      signature.ranking().ifPresent(ranking -> lines.add(key + " ranking: " + ranking));
    }
    return lines;
  }

  private static String line(String key, String role, String name, TensorSpec spec) {
    String range =
        spec.range()
            .map(
                one ->
                    ", from %s to %s"
                        .formatted(NumberText.general(one.low()), NumberText.general(one.high())))
            .orElse("");
    String value = spec.defaultValue().map(one -> ", " + one).orElse("");
    return "%s %s \"%s\": %s%s%s".formatted(key, role, name, spec, range, value);
  }
}
