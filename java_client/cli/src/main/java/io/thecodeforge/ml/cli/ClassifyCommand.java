package io.thecodeforge.ml.cli;

import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.model.VisionModel;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Command;

/** {@code classify}: the class of each file. */
@Command(name = "classify", description = "Classifies image files: prints one JSON line for each.")
final class ClassifyCommand extends FileCommand {

  ClassifyCommand() {
    super("classifier");
  }

  @Override
  Map<String, Object> answer(VisionModel asked, byte[] image) {
    return line(asked.classify(image));
  }

  private static Map<String, Object> line(Classification answer) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("label", answer.label());
    line.put("probability", answer.probability());
    line.put("probabilities", answer.probabilities());
    return line;
  }
}
