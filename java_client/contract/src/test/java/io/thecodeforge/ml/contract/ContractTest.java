package io.thecodeforge.ml.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ContractTest {

  private static final String SPEC = "{\"dtype\": \"float32\", \"shape\": [-1, \"C\"]}";

  private static String contract(String outputs) {
    return """
        {"model": "toy", "contract_version": 1, "dimensions": {"C": "classes"},
         "signatures": {"serving_default": {
           "inputs": {"x": {"dtype": "uint8", "shape": [-1, 3]}}, "outputs": {%s}}}}
        """
        .formatted(outputs);
  }

  private static Map<String, SignatureSpec> found(TensorSpec a, TensorSpec b) {
    Map<String, TensorSpec> outputs = new LinkedHashMap<>();
    outputs.put("a", a);
    outputs.put("b", b);
    return Map.of(
        "serving_default", new SignatureSpec(Map.of("x", TensorSpec.of("uint8", -1, 3)), outputs));
  }

  private static final Contract TOY =
      Contract.parse(contract("\"a\": %s, \"b\": %s".formatted(SPEC, SPEC)), "toy.json");

  @ParameterizedTest
  @ValueSource(strings = {"classifier", "detector"})
  void theToolkitsContractsKeepThemselves(String model) {
    Contract contract = Contract.ofModel(model);
    assertEquals(model, contract.model());
    assertEquals(List.of(), contract.differences(contract.signatures()));
  }

  @Test
  void aNamedDimensionIsOneSizeEverywhere() {
    TensorSpec four = TensorSpec.of("float32", -1, 4);
    assertEquals(List.of(), TOY.differences(found(four, four)));
    assertEquals(
        List.of(
            "serving_default output \"b\": expected float32 [-1, C], found float32 [-1, 5]"
                + " [output-shape]"),
        TOY.differences(found(four, TensorSpec.of("float32", -1, 5))).stream()
            .map(Difference::toString)
            .toList());
  }

  @ParameterizedTest
  @CsvSource({"-1", "0"})
  void aNamedDimensionIsAtLeastOne(long size) {
    TensorSpec none = TensorSpec.of("float32", -1, size);
    assertEquals(2, TOY.differences(found(none, none)).size());
  }

  @Test
  void toleranceAndRankingAreReadAsWritten() {
    SignatureSpec signature = Contract.ofModel("detector").signature("serving_bytes");
    assertEquals(
        Optional.of(new Ranking("detection_scores", "num_detections", "score_threshold")),
        signature.ranking());
    assertEquals(
        new Tolerance(0, 0), signature.outputs().get("detection_classes").statedTolerance().get());
    Tolerance logits =
        Contract.ofModel("classifier")
            .signature("serving_bytes")
            .outputs()
            .get("logits")
            .tolerance();
    assertEquals(logits.absolute() + 10 * logits.relative(), logits.limit(-10), 1e-12);
    // Where a contract states nothing, the dtype decides.
    assertEquals(1e-4, TensorSpec.of("float32", 1).tolerance().absolute());
    assertEquals(0, TensorSpec.of("int64", 1).tolerance().limit(5));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0.25, 1.75|1.75 at [0, 1] (what exists: 2 values, 0.25 to 1.75)",
        "-0.5, 1|-0.5 at [0, 0] (what exists: 2 values, -0.5 to 1)",
        "0.5, NaN|nan at [0, 1] (what exists: 2 values, 0.5 to 0.5, 1 NaN)",
        "NaN, NaN|nan at [0, 0] (what exists: 2 values, no number, 2 NaN)",
      })
  void aValueOutsideTheRangeIsNamed(String given, String found) {
    String[] parts = given.split(", ");
    float[] values = {Float.parseFloat(parts[0]), Float.parseFloat(parts[1])};
    TensorValue answer = TensorValue.of(values, 1, 2);
    Contract contract = Contract.ofModel("classifier");
    assertEquals(
        "the answer breaks its contract:\n  - serving_bytes output \"probabilities\":"
            + " expected values from 0 to 1, found "
            + found
            + " [output-range]",
        assertThrows(
                ContractMismatchException.class,
                () -> contract.checkRange("serving_bytes", "probabilities", answer, "the answer"))
            .getMessage());
  }

  @Test
  void roundingIsNoFaultAndNoRangeIsNoLimit() {
    Contract contract = Contract.ofModel("classifier");
    contract.checkRange(
        "serving_bytes",
        "probabilities",
        TensorValue.of(new float[] {-1e-7f, 1.0000001f}, 2),
        "the answer");
    contract.checkRange(
        "serving_bytes", "logits", TensorValue.of(new float[] {-1e9f, Float.NaN}, 2), "the answer");
  }

  @Test
  void anUnknownSignatureIsAnsweredWithThoseThatExist() {
    assertEquals(
        "the signature \"predict\" breaks its contract:\n"
            + "  - signature key: expected one of the contract's, found predict"
            + " (what exists: serving_default) [signature-missing]",
        assertThrows(ContractMismatchException.class, () -> TOY.signature("predict")).getMessage());
  }

  @Test
  void requestsAreComparedWithTheInputs() {
    SignatureSpec signature = TOY.signature("serving_default");
    assertEquals(
        List.of(),
        signature.inputDifferences("serving_default", Map.of("x", TensorSpec.of("uint8", 7, 3))));
    assertEquals(
        List.of(
            new Difference(
                "input-shape", "serving_default input \"x\"", "uint8 [-1, 3]", "uint8 [7, 4]")),
        signature.inputDifferences("serving_default", Map.of("x", TensorSpec.of("uint8", 7, 4))));
  }
}
