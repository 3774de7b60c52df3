package io.thecodeforge.ml;

import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.Difference;
import io.thecodeforge.ml.contract.SignatureReader;
import io.thecodeforge.ml.contract.SignatureSpec;
import io.thecodeforge.ml.contract.TensorSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.tensorflow.proto.TensorProto;

/**
 * What a server answered to one request, held to the contract before anything is read from it.
 *
 * @param contract what the server should keep
 * @param key the signature that was asked
 * @param outputs output by name
 * @param count how many images were sent
 */
record PredictAnswer(Contract contract, String key, Map<String, TensorProto> outputs, int count) {

  /**
   * Reads a classifier's answer.
   *
   * @throws ContractMismatchException when names, dtypes, shapes or the order of the classes differ
   */
  ClassifierAnswer classifier() {
    checkSpecs();
    List<String> columns = columns();
    int size = count * columns.size();
    return new ClassifierAnswer(
        columns,
        TensorProtos.floats(
            where(ClassifierAnswer.PROBABILITIES),
            outputs.get(ClassifierAnswer.PROBABILITIES),
            size),
        TensorProtos.floats(
            where(ClassifierAnswer.LOGITS), outputs.get(ClassifierAnswer.LOGITS), size));
  }

  private void checkSpecs() {
    Map<String, TensorSpec> found = new TreeMap<>();
    outputs.forEach((name, tensor) -> found.put(name, SignatureReader.spec(tensor)));
    SignatureSpec signature = contract.signature(key).resolve(contract.bound());
    refuse(signature.outputDifferences(key, found));

    // One row an image, and in a contract without class names one and the same number of columns.
    List<Difference> differences = new ArrayList<>();
    long columns = outputs.get(ClassifierAnswer.CLASSES).getTensorShape().getDim(1).getSize();
    found.forEach(
        (name, spec) -> {
          TensorSpec expected = TensorSpec.of(spec.dtype(), count, columns);
          if (!spec.equals(expected)) {
            differences.add(new Difference(where(name), expected.toString(), spec.toString()));
          }
        });
    refuse(differences);
  }

  /** Returns the class of each column: every row must name the same, in the contract's order. */
  private List<String> columns() {
    TensorProto tensor = outputs.get(ClassifierAnswer.CLASSES);
    int columns = Math.toIntExact(tensor.getTensorShape().getDim(1).getSize());
    List<String> names =
        TensorProtos.texts(where(ClassifierAnswer.CLASSES), tensor, count * columns);
    List<String> first = names.subList(0, columns);
    contract.checkClassNames(first, "the server's answer");
    if (!names.equals(Collections.nCopies(count, first).stream().flatMap(List::stream).toList())) {
      refuse(
          List.of(
              new Difference(
                  where(ClassifierAnswer.CLASSES), "the same row for each image", "other rows")));
    }
    return first;
  }

  private String where(String output) {
    return "%s output \"%s\"".formatted(key, output);
  }

  private static void refuse(List<Difference> differences) {
    if (!differences.isEmpty()) {
      throw new ContractMismatchException("the server's answer", differences);
    }
  }
}
