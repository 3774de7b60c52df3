package io.thecodeforge.ml.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.thecodeforge.ml.ContractFileException;
import io.thecodeforge.ml.ContractMismatchException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
        List.of("serving_default output \"b\": expected float32 [-1, C], found float32 [-1, 5]"),
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
  void anUnknownSignatureIsAnsweredWithThoseThatExist() {
    assertEquals(
        "the signature \"predict\" breaks its contract:\n"
            + "  - signature key: expected one of the contract's, found predict"
            + " (what exists: serving_default)",
        assertThrows(ContractMismatchException.class, () -> TOY.signature("predict")).getMessage());
  }

  @Test
  void requestsAreComparedWithTheInputs() {
    SignatureSpec signature = TOY.signature("serving_default");
    assertEquals(
        List.of(),
        signature.inputDifferences("serving_default", Map.of("x", TensorSpec.of("uint8", 7, 3))));
    assertEquals(
        List.of(new Difference("serving_default input \"x\"", "uint8 [-1, 3]", "uint8 [7, 4]")),
        signature.inputDifferences("serving_default", Map.of("x", TensorSpec.of("uint8", 7, 4))));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"dtype\": \"float32\", \"shape\": [\"N\"]}|names dimension 'N', not declared",
        "{\"dtype\": \"float32\", \"shape\": [-2]}|has the size -2; use -1, a count or a name",
        "{\"dtype\": \"float32\", \"shape\": [1.5]}|has the size 1.5; use -1, a count or a name",
        "{\"dtype\": \"float32\"}|lacks shape",
        "{\"dtype\": \"float32\", \"shape\": [], \"unit\": \"m\"}|has unknown unit; known are axes,"
            + " dtype, meaning, range, shape",
      })
  void aSpecThatDoesNotFollowTheFormat(String spec, String complaint) {
    String json = contract("\"a\": " + spec);
    assertEquals(
        "toy.json: serving_default output 'a' " + complaint,
        assertThrows(ContractFileException.class, () -> Contract.parse(json, "toy.json"))
            .getMessage());
  }
}
