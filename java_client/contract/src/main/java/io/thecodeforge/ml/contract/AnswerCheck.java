package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * Holds the tensors of an answer to a contract: names, form, values, class names. The rule of
 * Python's {@code signature_contract.answer_form}.
 */
final class AnswerCheck {

  private static final Size CLASSES = new Size.Named(Contract.CLASSES_DIMENSION);

  private final Contract contract;
  private final String where;
  private final List<Difference> differences = new ArrayList<>();
  // A dimension that the contract does not bind has the size that the first output gives it.
  private final Map<String, Long> sizes;

  AnswerCheck(Contract contract, String where) {
    this.contract = contract;
    this.where = where;
    this.sizes = new HashMap<>(contract.bound());
  }

  List<Difference> differences(
      String key, Map<String, TensorValue> answer, Collection<String> asked) {
    SignatureSpec signature = contract.signature(key);
    for (String name : signature.outputs().keySet()) {
      if (asked.isEmpty() || asked.contains(name)) {
        compare(name, signature, answer);
      }
    }
    return differences;
  }

  private void compare(String name, SignatureSpec signature, Map<String, TensorValue> answer) {
    TensorSpec spec = signature.outputs().get(name);
    String here = "%s output \"%s\"".formatted(where, name);
    TensorValue value = answer.get(name);
    if (value == null) {
      differences.add(
          new Difference(
              "output-missing",
              here,
              spec.resolve(sizes).toString(),
              "nothing",
              List.copyOf(answer.keySet())));
    } else if (!spec.admits(value.spec(), sizes)) {
      differences.add(
          new Difference(
              "answer-form", here, spec.resolve(sizes).toString(), value.spec().toString()));
    } else if (listsClasses(spec) && !contract.classNames().isEmpty()) {
      compareClasses(value);
    } else {
      IntPredicate counts = entries(name, signature, answer);
      spec.range()
          .flatMap(range -> range.outputDifference(here, value, spec.tolerance(), counts))
          .ifPresent(differences::add);
    }
  }

  /** Tells which positions of an output hold entries of a ranking, and not what fills it up. */
  private static IntPredicate entries(
      String name, SignatureSpec signature, Map<String, TensorValue> answer) {
    Ranking ranking = signature.ranking().orElse(null);
    TensorValue counts = ranking == null ? null : answer.get(ranking.count());
    TensorValue scores = ranking == null ? null : answer.get(ranking.scores());
    long[] shape = answer.get(name).shape();
    if (counts == null
        || scores == null
        || name.equals(ranking.count())
        || shape.length < 2
        || scores.shape().length < 2
        || shape[0] != scores.shape()[0]
        || shape[1] != scores.shape()[1]
        || counts.shape().length != 1
        || counts.shape()[0] != shape[0]) {
      return i -> true;
    }
    long inEntry = Arrays.stream(shape, 2, shape.length).reduce(1, (a, b) -> a * b);
    return i -> {
      long row = i / (shape[1] * inEntry);
      long entry = i / inEntry % shape[1];
      return entry < counts.number(Math.toIntExact(row));
    };
  }

  /** Tells whether an output holds the class names in column order. */
  private static boolean listsClasses(TensorSpec spec) {
    List<Size> shape = spec.shape().orElse(List.of());
    return spec.dtype().equals("string")
        && !shape.isEmpty()
        && shape.get(shape.size() - 1).equals(CLASSES);
  }

  private void compareClasses(TensorValue value) {
    List<String> texts = value.texts();
    long[] shape = value.shape();
    int columns = Math.toIntExact(shape[shape.length - 1]);
    Set<List<String>> rows = new LinkedHashSet<>();
    for (int start = 0; columns > 0 && start < texts.size(); start += columns) {
      rows.add(texts.subList(start, start + columns));
    }
    for (List<String> row : rows) {
      if (!row.equals(contract.classNames())) {
        differences.add(
            new Difference(
                "class-order",
                where + " class order",
                PythonText.list(contract.classNames()),
                PythonText.list(row)));
      }
    }
  }
}
