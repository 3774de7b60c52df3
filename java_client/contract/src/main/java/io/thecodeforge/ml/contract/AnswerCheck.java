package io.thecodeforge.ml.contract;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Holds the tensors of an answer to a contract: names, form, values, class names. The rule of
 * Python's {@code signature_contract.checking.answers}.
 */
final class AnswerCheck {

  private static final Size CLASSES = new Size.Named("C");

  private final Contract contract;
  private final String where;
  private final List<Difference> differences = new ArrayList<>();

  AnswerCheck(Contract contract, String where) {
    this.contract = contract;
    this.where = where;
  }

  List<Difference> differences(
      String key, Map<String, TensorValue> answer, Collection<String> asked) {
    contract
        .resolved(key)
        .outputs()
        .forEach(
            (name, spec) -> {
              if (asked.isEmpty() || asked.contains(name)) {
                boolean listsClasses = listsClasses(contract.signature(key).outputs().get(name));
                compare(name, spec, listsClasses, answer);
              }
            });
    return differences;
  }

  private void compare(
      String name, TensorSpec spec, boolean listsClasses, Map<String, TensorValue> answer) {
    String here = "%s output \"%s\"".formatted(where, name);
    TensorValue value = answer.get(name);
    if (value == null) {
      differences.add(
          new Difference(
              "output-missing", here, spec.toString(), "nothing", List.copyOf(answer.keySet())));
    } else if (!spec.admits(value.spec())) {
      differences.add(
          new Difference("answer-form", here, spec.toString(), value.spec().toString()));
    } else if (listsClasses && !contract.classNames().isEmpty()) {
      compareClasses(value);
    } else {
      spec.range()
          .flatMap(range -> range.outputDifference(here, value, spec.tolerance()))
          .ifPresent(differences::add);
    }
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
