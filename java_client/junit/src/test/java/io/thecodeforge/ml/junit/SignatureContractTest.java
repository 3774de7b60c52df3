package io.thecodeforge.ml.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.thecodeforge.ml.contract.StaticRules;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.opentest4j.TestAbortedException;

/** A model that keeps its contract, and the test that each break of it fails. */
class SignatureContractTest {

  private static final String SKIPPED = "skipped: ";

  @TempDir private static Path folder;

  private DoublingModel doubling;

  @BeforeEach
  void write(@TempDir Path one) {
    doubling = DoublingModel.write(one);
  }

  /** The use that the documentation shows; JUnit runs these tests as it runs a user's. */
  @TestFactory
  Stream<DynamicTest> contract() {
    DoublingModel kept = DoublingModel.write(folder);
    return SignatureContract.of(kept.contract()).golden(kept.golden()).model(kept.model()).tests();
  }

  private SignatureContract held() {
    return SignatureContract.of(doubling.contract())
        .golden(doubling.golden())
        .model(doubling.model());
  }

  /** Runs tests and returns what they said by name; nothing where they passed. */
  private static Map<String, String> run(SignatureContract contract) {
    Map<String, String> said = new LinkedHashMap<>();
    try (Stream<DynamicTest> tests = contract.tests()) {
      tests.forEach(
          test -> {
            try {
              test.getExecutable().execute();
              said.put(test.getDisplayName(), "");
            } catch (TestAbortedException e) {
              said.put(test.getDisplayName(), SKIPPED + e.getMessage());
            } catch (Throwable e) {
              said.put(test.getDisplayName(), e.getMessage());
            }
          });
    }
    return said;
  }

  /** Returns what did not pass. */
  private static Map<String, String> problems(SignatureContract contract) {
    Map<String, String> problems = run(contract);
    problems.values().removeIf(String::isEmpty);
    return problems;
  }

  @Test
  void oneTestARuleAndAGoldenAnswer() {
    Map<String, String> said = run(held());
    List<String> names =
        Stream.concat(
                StaticRules.IDS.stream().map("rule "::concat),
                Stream.of("golden serving_default/pair"))
            .toList();
    assertEquals(names, List.copyOf(said.keySet()));
    assertEquals(Map.of(), problems(held()));
  }

  @Test
  void anotherNameFailsItsRulesAndTheModelIsNotRun() {
    doubling.contract("\"y\"", "\"z\"");
    doubling.golden(2, 4);
    assertEquals(
        Map.of(
            "rule output-missing",
            "serving_default output \"z\": expected it to be there, found nothing (what exists: y)"
                + " [output-missing]",
            "rule output-unknown",
            "serving_default output \"y\": expected only z, found one more [output-unknown]",
            "made up serving_default",
            SKIPPED + "not run: the model declares something else than the contract",
            "golden answers",
            SKIPPED
                + "golden answers: expected some to compare with, found there"
                + " are no golden answers [no-golden-answers]"),
        problems(SignatureContract.of(doubling.contract()).model(doubling.model())));
  }

  @Test
  void anotherDtypeFailsItsRule() {
    doubling.contract("{\"x\": {\"dtype\": \"float32\"", "{\"x\": {\"dtype\": \"float64\"");
    assertEquals(
        "serving_default input \"x\": expected float64 [-1], found float32 [-1] [input-dtype]",
        problems(held()).get("rule input-dtype"));
  }

  @Test
  void anotherAnswerFailsItsCase() {
    doubling.golden(2, 5);
    assertEquals(
        Map.of(
            "golden serving_default/pair",
            "serving_default/pair output \"y\" [1]: expected the golden answer 5 within 0.0001 +"
                + " 0.0001 of the value, found 4, a difference of 1 [golden-answer]"),
        problems(held()));
  }

  @Test
  void aValueOutsideItsRangeFailsItsCase() {
    doubling.contract("[0, 20]", "[0, 3]");
    assertEquals(
        Map.of(
            "golden serving_default/pair",
            "serving_default/pair output \"y\": expected values from 0 to 3, found 4 at [1] (what"
                + " exists: 2 values, 2 to 4) [output-range]"),
        problems(held()));
    doubling.contract("[0, 10]", "[0, 1]");
    assertEquals(
        Map.of(
            "golden serving_default/pair",
            "serving_default/pair input \"x\": expected values from 0 to 1, found 2 at [1] (what"
                + " exists: 2 values, 1 to 2) [input-range]"),
        problems(held()));
  }

  @Test
  void whatCannotBeReadIsAFailingTest() {
    Path nowhere = doubling.folder().resolve("nowhere");
    assertEquals(
        Map.of("contract", "no contract at %s: No such file".formatted(nowhere)),
        problems(SignatureContract.of(nowhere).model(doubling.model())));
    assertEquals(
        Map.of("contract", "no golden answers at %s: No such file".formatted(nowhere)),
        problems(held().golden(nowhere)));
    assertEquals(
        Map.of(
            "read",
            "%s: expected a model, found %s is no SavedModel: there is no %s [unreadable]"
                .formatted(nowhere, nowhere, nowhere.resolve("saved_model.pb"))),
        problems(held().model(nowhere)));
    assertEquals(
        Map.of(
            "read",
            ("%s: expected a model, found %s: expected a graph with the tags gpu, found"
                    + " graphs with serve; name one with builder(…).tags(…) [unreadable]")
                .formatted(doubling.model(), doubling.model())),
        problems(held().tags("gpu")));
    Map<String, String> unreached =
        problems(held().server("127.0.0.1:1/doubling").deadline(Duration.ofSeconds(5)));
    assertEquals(1, unreached.size());
    assertEquals("read", unreached.keySet().iterator().next());
  }

  @Test
  void aModelMustBeNamed() {
    assertThrows(
        IllegalStateException.class, () -> SignatureContract.of(doubling.contract()).tests());
    assertThrows(IllegalArgumentException.class, () -> held().server("not a server").tests());
  }
}
