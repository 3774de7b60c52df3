package io.thecodeforge.ml.cli;

import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.embedded.VisionService;
import io.thecodeforge.ml.grpc.VisionGrpcClient;
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
  Map<String, Object> answer(VisionService service, byte[] image) {
    return line(service.classify(image));
  }

  @Override
  Map<String, Object> answer(VisionGrpcClient client, byte[] image) {
    return line(client.classify(image));
  }

  private static Map<String, Object> line(Classification answer) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("label", answer.label());
    line.put("probability", answer.probability());
    line.put("probabilities", answer.probabilities());
    return line;
  }
}
