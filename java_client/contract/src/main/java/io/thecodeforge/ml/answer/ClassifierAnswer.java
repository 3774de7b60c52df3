package io.thecodeforge.ml.answer;

import io.thecodeforge.ml.Classification;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The classifier's outputs as plain Java values, wherever they came from, and their reading as
 * {@link Classification}s.
 *
 * @param classNames the class of each column
 * @param probabilities row after row, one value a column
 * @param logits row after row, one value a column
 * @param version the version that answered; empty where nobody said
 */
public record ClassifierAnswer(
    List<String> classNames, float[] probabilities, float[] logits, OptionalLong version) {

  /** Names of the model and of its outputs, as its contract writes them. */
  public static final String MODEL = "classifier";

  public static final String PROBABILITIES = "probabilities";
  public static final String CLASSES = "classes";
  public static final String LOGITS = "logits";

  /** Returns one classification a row. */
  public List<Classification> classifications() {
    int columns = classNames.size();
    List<Classification> rows = new ArrayList<>(probabilities.length / columns);
    for (int start = 0; start < probabilities.length; start += columns) {
      rows.add(row(start));
    }
    return rows;
  }

  private Classification row(int start) {
    Map<String, Float> probabilityOf = new LinkedHashMap<>();
    Map<String, Float> logitOf = new LinkedHashMap<>();
    int best = 0;
    for (int column = 0; column < classNames.size(); column++) {
      probabilityOf.put(classNames.get(column), probabilities[start + column]);
      logitOf.put(classNames.get(column), logits[start + column]);
      if (probabilities[start + column] > probabilities[start + best]) {
        best = column;
      }
    }
    return new Classification(
        classNames.get(best), probabilities[start + best], probabilityOf, logitOf, version);
  }
}
