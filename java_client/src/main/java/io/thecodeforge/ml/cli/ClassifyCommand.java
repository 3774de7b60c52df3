package io.thecodeforge.ml.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.thecodeforge.ml.Classification;
import io.thecodeforge.ml.DeadlineExceededException;
import io.thecodeforge.ml.InferenceException;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.VisionGrpcClient;
import io.thecodeforge.ml.VisionService;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code classify}: one JSON line for each file, with the answer or with what is wrong. */
@Command(
    name = "classify",
    description = "Prints one JSON line for each image file.",
    exitCodeListHeading = "Exit codes:%n",
    exitCodeList = {"0:every file was answered", "1:something failed", "2:wrong usage"})
final class ClassifyCommand implements Callable<Integer> {

  /** Where the answers come from: exactly one of the two. */
  static final class Source {
    @Option(
        names = "--model",
        paramLabel = "DIR",
        required = true,
        description = "A published version to load, such as MODELS/classifier/1.")
    private Path version;

    @Option(
        names = "--server",
        paramLabel = "HOST:PORT",
        required = true,
        description = "A server that speaks TensorFlow Serving's gRPC API.")
    private String server;
  }

  @ArgGroup(multiplicity = "1")
  private Source source;

  @Option(
      names = "--model-name",
      paramLabel = "NAME",
      description = "The model's name on the server (default: ${DEFAULT-VALUE}).",
      defaultValue = "classifier")
  private String modelName;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      description = "Time for each call to the server (default: ${DEFAULT-VALUE}).",
      defaultValue = "10")
  private double timeoutSeconds;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help and exit.")
  private boolean help;

  @Spec private CommandSpec spec;

  @Parameters(arity = "1..*", paramLabel = "FILE", description = "JPEG or PNG files.")
  private List<Path> files;

  private final Gson gson =
      new GsonBuilder().disableHtmlEscaping().serializeSpecialFloatingPointValues().create();
  private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  @Override
  public Integer call() {
    if (!(timeoutSeconds > 0)) {
      throw new ParameterException(
          spec.commandLine(),
          "--timeout: expected more than 0 seconds, received " + timeoutSeconds);
    }
    try {
      if (source.version != null) {
        try (VisionService service = VisionService.load(source.version)) {
          return classify(service::classify);
        }
      }
      try (VisionGrpcClient client =
          VisionGrpcClient.builder(source.server)
              .model(modelName)
              .deadline(Duration.ofMillis(Math.round(timeoutSeconds * 1000)))
              .build()) {
        client.checkContract();
        return classify(client::classify);
      }
    } catch (VisionException e) {
      // What is wrong with the version or the server is wrong for every file.
      System.err.println("vision-client: " + e.getMessage());
      return 1;
    }
  }

  /** Answers the files one by one: a file that cannot be answered does not hide the others. */
  private int classify(Function<byte[], Classification> classifier) {
    int exitCode = 0;
    for (Path file : files) {
      Map<String, Object> line;
      try {
        line = answer(file, classifier.apply(Files.readAllBytes(file)));
      } catch (IOException e) {
        line = failure(file, reason(e));
        exitCode = 1;
      } catch (InvalidImageException | InferenceException | DeadlineExceededException e) {
        line = failure(file, e.getMessage());
        exitCode = 1;
      }
      out.println(gson.toJson(line));
    }
    return exitCode;
  }

  private static Map<String, Object> answer(Path file, Classification answer) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("file", file.toString());
    line.put("label", answer.label());
    line.put("probability", answer.probability());
    line.put("probabilities", answer.probabilities());
    return line;
  }

  private static Map<String, Object> failure(Path file, String reason) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("file", file.toString());
    line.put("error", reason);
    return line;
  }

  private static String reason(IOException e) {
    if (e instanceof NoSuchFileException) {
      return "no such file";
    }
    return e instanceof AccessDeniedException
        ? "permission denied"
        : String.valueOf(e.getMessage());
  }
}
