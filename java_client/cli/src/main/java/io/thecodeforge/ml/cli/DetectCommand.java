package io.thecodeforge.ml.cli;

import io.thecodeforge.ml.Detection;
import io.thecodeforge.ml.model.VisionModel;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code detect}: the objects in each file. */
@Command(
    name = "detect",
    description = "Finds the objects in image files: prints one JSON line for each.")
final class DetectCommand extends FileCommand {

  @Option(
      names = "--min-score",
      paramLabel = "SCORE",
      description = "Leave out what is less sure, 0 to 1 (default: ${DEFAULT-VALUE}).",
      defaultValue = "0.5")
  private float minScore;

  DetectCommand() {
    super("detector");
  }

  @Override
  void checkOptions() {
    super.checkOptions();
    if (!(minScore >= 0 && minScore <= 1)) {
      throw new ParameterException(
          spec.commandLine(), "--min-score: expected 0 to 1, received " + minScore);
    }
  }

  @Override
  Map<String, Object> answer(VisionModel asked, byte[] image) {
    return Map.of(
        "detections",
        asked.detect(image).minScore(minScore).stream().map(DetectCommand::entry).toList());
  }

  private static Map<String, Object> entry(Detection one) {
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("label", one.label());
    entry.put("class", one.classId());
    entry.put("score", one.score());
    entry.put("box", one.box());
    return entry;
  }
}
