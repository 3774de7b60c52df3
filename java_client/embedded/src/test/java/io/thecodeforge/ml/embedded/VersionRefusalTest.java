package io.thecodeforge.ml.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.thecodeforge.ml.ModelLoadException;
import io.thecodeforge.ml.contract.ContractFileException;
import io.thecodeforge.ml.contract.ContractMismatchException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;

/** Versions that must not be loaded, and what is said about each. */
class VersionRefusalTest {

  @TempDir Path models;

  /** Everything that is said about a version, after the line that names it. */
  private List<String> mismatch(ToyModel model) {
    Path version = model.publish(models.resolve("1"));
    ContractMismatchException refusal =
        assertThrows(ContractMismatchException.class, () -> VisionService.load(version));
    List<String> lines = refusal.getMessage().lines().toList();
    assertTrue(lines.get(0).contains(version.toString()), refusal::getMessage);
    assertTrue(lines.get(0).endsWith(" breaks its contract:"), refusal::getMessage);
    assertEquals(lines.size() - 1, refusal.differences().size());
    return lines.subList(1, lines.size());
  }

  private static void rename(
      SignatureDef.Builder signature, String from, String to, boolean isInput) {
    if (isInput) {
      signature.putInputs(to, signature.getInputsOrThrow(from)).removeInputs(from);
    } else {
      signature.putOutputs(to, signature.getOutputsOrThrow(from)).removeOutputs(from);
    }
  }

  @Test
  void aRenamedInput() {
    assertEquals(
        List.of(
            "  - serving_default input \"input_tensor\": expected it to be there, found nothing"
                + " (what exists: input_1) [input-missing]",
            "  - serving_default input \"input_1\": expected only input_tensor, found one more [input-unknown]"),
        mismatch(
            ToyModel.good()
                .signature("serving_default", s -> rename(s, "input_tensor", "input_1", true))));
  }

  @Test
  void aWrongInputDtype() {
    assertEquals(
        List.of(
            "  - serving_default input \"input_tensor\": expected uint8 [-1, -1, -1, 3],"
                + " found float32 [-1, -1, -1, 3] [input-dtype]"),
        mismatch(
            ToyModel.good()
                .signature(
                    "serving_default",
                    s ->
                        s.putInputs(
                            "input_tensor",
                            s.getInputsOrThrow("input_tensor").toBuilder()
                                .setDtype(DataType.DT_FLOAT)
                                .build()))));
  }

  @Test
  void aFixedBatchAndAnUnknownRank() {
    assertEquals(
        List.of(
            "  - serving_bytes input \"image_bytes\": expected string [-1], found string [1] [input-shape]",
            "  - serving_bytes output \"logits\": expected float32 [-1, 3],"
                + " found float32 of unknown rank [output-shape]"),
        mismatch(
            ToyModel.good()
                .signature(
                    "serving_bytes",
                    s -> {
                      s.putInputs("image_bytes", shaped(s.getInputsOrThrow("image_bytes"), 1));
                      TensorInfo.Builder logits = s.getOutputsOrThrow("logits").toBuilder();
                      logits.getTensorShapeBuilder().clear().setUnknownRank(true);
                      s.putOutputs("logits", logits.build());
                    })));
  }

  @Test
  void aNumberOfClassesThatIsNotTheContracts() {
    assertEquals(
        List.of(
            "  - serving_default output \"probabilities\": expected float32 [-1, 3],"
                + " found float32 [-1, 4] [output-shape]"),
        mismatch(
            ToyModel.good()
                .signature(
                    "serving_default",
                    s ->
                        s.putOutputs(
                            "probabilities",
                            shaped(s.getOutputsOrThrow("probabilities"), -1, 4)))));
  }

  private static TensorInfo shaped(TensorInfo info, long... sizes) {
    return info.toBuilder().setTensorShape(ToyModel.shape(sizes)).build();
  }

  @Test
  void aDroppedOutput() {
    assertEquals(
        List.of(
            "  - serving_bytes output \"classes\": expected it to be there, found nothing"
                + " (what exists: logits, probabilities) [output-missing]"),
        mismatch(ToyModel.good().signature("serving_bytes", s -> s.removeOutputs("classes"))));
  }

  @Test
  void anExtraInput() {
    assertEquals(
        List.of(
            "  - serving_default input \"threshold\": expected only input_tensor, found one more [input-unknown]"),
        mismatch(
            ToyModel.good()
                .signature(
                    "serving_default",
                    s -> s.putInputs("threshold", s.getInputsOrThrow("input_tensor")))));
  }

  @Test
  void aMissingAndAnExtraSignature() {
    assertEquals(
        List.of(
            "  - signature \"serving_bytes\": expected it to be there, found nothing"
                + " (what exists: predict, serving_default) [signature-missing]",
            "  - signature \"predict\": expected only serving_default, serving_bytes, found one"
                + " more [signature-unknown]"),
        mismatch(
            ToyModel.good()
                .metaGraph(
                    m ->
                        m.putSignatureDef("predict", m.getSignatureDefOrThrow("serving_bytes"))
                            .removeSignatureDef("serving_bytes"))));
  }

  @Test
  void anotherClassOrder() {
    assertEquals(
        List.of(
            "  - class order: expected ['red', 'green', 'blue'], found ['blue', 'green', 'red'] [class-order]"),
        mismatch(ToyModel.answering("blue", "green", "red")));
  }

  private static ToyModel logitsFrom(String tensor) {
    return ToyModel.good()
        .signature(
            "serving_default",
            s ->
                s.putOutputs(
                    "logits", s.getOutputsOrThrow("logits").toBuilder().setName(tensor).build()));
  }

  private String unloadable(ToyModel model) {
    Path version = model.publish(models.resolve("1"));
    return assertThrows(ModelLoadException.class, () -> VisionService.load(version)).getMessage();
  }

  @Test
  void aDeclarationThatTheGraphDoesNotKeep() {
    assertEquals(
        List.of(
            "  - serving_default output \"logits\": expected float32 [-1, 3],"
                + " found float32 [1, 32, 32, 3] [answer-form]"),
        mismatch(logitsFrom("Cast:0")));
  }

  @Test
  void anOutputThatTheGraphDoesNotHave() {
    assertEquals(
        models.resolve("1")
            + ": serving_default output \"logits\" points to the tensor \"nowhere:0\", which its"
            + " graph does not have",
        unloadable(logitsFrom("nowhere:0")));
  }

  @Test
  void aSignatureThatCannotRun() {
    String message = unloadable(logitsFrom("of_bytes/Softmax:0"));
    assertTrue(message.contains(" loads but cannot answer a probe image: "), message);
  }

  @Test
  void aCopyThatIsNotTheToolkitsContract() {
    assertEquals(
        List.of(
            "  - the contract copy, serving_default output \"scores\": expected only probabilities,"
                + " classes, logits, found one more [contract-copy]"),
        mismatch(
            ToyModel.good()
                .contract(
                    json ->
                        json.replaceFirst(
                            "\"probabilities\": \\{",
                            "\"scores\": {\"dtype\": \"float32\", \"shape\": [-1]},"
                                + " \"probabilities\": {"))));
  }

  private String unreadable(ToyModel model) {
    Path version = model.publish(models.resolve("1"));
    return assertThrows(ContractFileException.class, () -> VisionService.load(version))
        .getMessage();
  }

  @Test
  void aCopyThatIsNoContract() {
    String file = models.resolve("1/assets.extra/contract.json") + ": ";
    assertEquals(
        file + "the key \"model\" appears twice in one object",
        unreadable(
            ToyModel.good().contract(json -> json.replaceFirst("\\{", "{\"model\": \"x\","))));
    assertEquals(
        file
            + "contract_version is 3.0, and this toolkit reads 1.0 to 2.x; install the one that the"
            + " contract was written with, or a later one",
        unreadable(
            ToyModel.good()
                .contract(
                    json ->
                        json.replace("\"contract_version\": 2", "\"contract_version\": \"3.0\""))));
    assertTrue(
        unreadable(ToyModel.good().contract(json -> json.substring(1)))
            .startsWith(file.replace(": ", ":")),
        "a syntax error names the file");
    assertEquals(
        file + "the contract lacks signatures",
        unreadable(
            ToyModel.good()
                .contract(json -> "{\"model\": \"classifier\", \"contract_version\": 1}")));
    assertEquals(
        "this toolkit has no contract for a model named \"segmenter\""
            + " (no resource /io/thecodeforge/ml/contracts/segmenter.json)",
        unreadable(
            ToyModel.good().contract(json -> json.replace("\"classifier\"", "\"segmenter\""))));
  }

  @Test
  void anUnpublishedCopy() {
    assertTrue(
        unreadable(
                ToyModel.good()
                    .contract(
                        json ->
                            json.replaceFirst("\"class_names\": \\[.*]", "\"tags\": [\"serve\"]")))
            .endsWith("has no class_names: it is not a published version's contract"));
  }

  @Test
  void aDirectoryWithoutContract() {
    ContractFileException refusal =
        assertThrows(ContractFileException.class, () -> VisionService.load(models));
    assertTrue(refusal.getMessage().contains("python -m export"), refusal::getMessage);
  }

  @Test
  void aSavedModelThatIsDamagedMissingOrForTraining() throws IOException {
    Path version = ToyModel.good().publish(models.resolve("1"));
    Path file = version.resolve("saved_model.pb");
    Files.write(file, Arrays.copyOf(Files.readAllBytes(file), 500));
    assertLoadRefused(version, file + " is damaged: ");
    Files.delete(file);
    assertLoadRefused(version, version + " is no SavedModel: there is no " + file);
    ToyModel.good()
        .metaGraph(m -> m.getMetaInfoDefBuilder().clearTags().addTags("train"))
        .publish(version);
    assertLoadRefused(
        version,
        version + ": expected a graph with the tags serve, found graphs with train; name one");
  }

  @Test
  void aGraphThatTensorFlowRefuses() {
    Path version =
        ToyModel.good()
            .metaGraph(m -> m.getGraphDefBuilder().getNodeBuilder(3).setOp("NoSuchOp"))
            .publish(models.resolve("1"));
    assertLoadRefused(version, "TensorFlow cannot load " + version);
  }

  private static void assertLoadRefused(Path version, String start) {
    ModelLoadException refusal =
        assertThrows(ModelLoadException.class, () -> VisionService.load(version));
    assertTrue(refusal.getMessage().startsWith(start), refusal::getMessage);
  }
}
