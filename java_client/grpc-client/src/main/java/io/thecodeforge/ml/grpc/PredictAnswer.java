package io.thecodeforge.ml.grpc;

import io.thecodeforge.ml.answer.ClassifierAnswer;
import io.thecodeforge.ml.answer.DetectorAnswer;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.ContractMismatchException;
import io.thecodeforge.ml.contract.Difference;
import io.thecodeforge.ml.contract.TensorSpec;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a server answered to one request, held to the contract before anything is read from it.
 *
 * @param contract what the server should keep
 * @param key the signature that was asked
 * @param outputs output by name
 * @param count how many images were sent
 * @param version the version that answered; empty where the server did not say
 */
record PredictAnswer(
    Contract contract,
    String key,
    Map<String, TensorProto> outputs,
    int count,
    OptionalLong version) {

  private static final String SUBJECT = "the server's answer";

  /**
   * Reads a classifier's answer.
   *
   * @throws ContractMismatchException when names, dtypes, shapes, ranges or the order of the
   *     classes differ
   */
  ClassifierAnswer classifier() {
    checkOutputs();
    // Sizes are taken from the values that did arrive: what a message declares may be anything.
    int columns = Math.max(1, outputs.get(ClassifierAnswer.CLASSES).getStringValCount() / count);
    List<Difference> differences = new ArrayList<>();
    checkShape(differences, ClassifierAnswer.PROBABILITIES, count, columns);
    checkShape(differences, ClassifierAnswer.CLASSES, count, columns);
    checkShape(differences, ClassifierAnswer.LOGITS, count, columns);
    refuse(differences);
    List<String> names = classNames(columns);
    float[] probabilities = floats(ClassifierAnswer.PROBABILITIES, columns);
    float[] logits = floats(ClassifierAnswer.LOGITS, columns);
    checkRange(ClassifierAnswer.PROBABILITIES, probabilities, columns);
    checkRange(ClassifierAnswer.LOGITS, logits, columns);
    return new ClassifierAnswer(names, probabilities, logits, version);
  }

  /**
   * Reads a detector's answer.
   *
   * @throws ContractMismatchException when names, dtypes or shapes differ
   */
  DetectorAnswer detector() {
    checkOutputs();
    int rows = Math.max(1, TensorProtos.floatCount(outputs.get(DetectorAnswer.SCORES)) / count);
    List<Difference> differences = new ArrayList<>();
    checkShape(differences, DetectorAnswer.BOXES, count, rows, 4);
    checkShape(differences, DetectorAnswer.SCORES, count, rows);
    checkShape(differences, DetectorAnswer.CLASSES, count, rows);
    checkShape(differences, DetectorAnswer.COUNTS, count);
    refuse(differences);
    return new DetectorAnswer(
        contract,
        key,
        SUBJECT,
        floats(DetectorAnswer.BOXES, rows * 4),
        floats(DetectorAnswer.SCORES, rows),
        floats(DetectorAnswer.CLASSES, rows),
        floats(DetectorAnswer.COUNTS, 1),
        version);
  }

  private void checkOutputs() {
    Map<String, TensorSpec> found = new TreeMap<>();
    outputs.forEach((name, tensor) -> found.put(name, SignatureReader.spec(tensor)));
    refuse(contract.signature(key).resolve(contract.bound()).outputDifferences(key, found));
  }

  private void checkShape(List<Difference> differences, String output, long... sizes) {
    TensorSpec found = SignatureReader.spec(outputs.get(output));
    TensorSpec expected = TensorSpec.of(found.dtype(), sizes);
    if (!found.equals(expected)) {
      differences.add(
          new Difference("answer-form", where(output), expected.toString(), found.toString()));
    }
  }

  /** Returns the class of each column: every row must name the same, in the contract's order. */
  private List<String> classNames(int columns) {
    String where = where(ClassifierAnswer.CLASSES);
    List<String> names =
        TensorProtos.texts(where, outputs.get(ClassifierAnswer.CLASSES), count * columns);
    List<String> first = names.subList(0, columns);
    contract.checkClassNames(first, SUBJECT);
    List<String> repeated =
        Collections.nCopies(count, first).stream().flatMap(List::stream).toList();
    if (!names.equals(repeated)) {
      refuse(
          List.of(
              new Difference("class-order", where, "the same row for each image", "other rows")));
    }
    if (Set.copyOf(first).size() != columns) {
      refuse(
          List.of(
              new Difference(
                  "class-order", where, "a name of its own for each class", first.toString())));
    }
    return first;
  }

  private float[] floats(String output, int columns) {
    return TensorProtos.floats(where(output), outputs.get(output), count * columns);
  }

  private void checkRange(String output, float[] values, int columns) {
    contract.checkRange(key, output, TensorValue.of(values, count, columns), SUBJECT);
  }

  private String where(String output) {
    return "%s output \"%s\"".formatted(key, output);
  }

  private static void refuse(List<Difference> differences) {
    if (!differences.isEmpty()) {
      throw new ContractMismatchException(SUBJECT, differences);
    }
  }
}
