package io.thecodeforge.ml.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.thecodeforge.ml.InferenceException;
import io.thecodeforge.ml.InvalidImageException;
import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.embedded.VisionService;
import io.thecodeforge.ml.grpc.DeadlineExceededException;
import io.thecodeforge.ml.grpc.VisionGrpcClient;
import io.thecodeforge.ml.model.VisionModel;
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

/** What commands about files share: one JSON line for each, the answer or what is wrong. */
@Command(
    exitCodeListHeading = "Exit codes:%n",
    exitCodeList = {"0:every file was answered", "1:something failed", "2:wrong usage"})
abstract class FileCommand implements Callable<Integer> {

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
      description = "The model's name on the server (default: the contract's).")
  private String modelName;

  @Option(
      names = "--contract",
      paramLabel = "DIR",
      description =
          "The published version that the server is held to, class names included"
              + " (default: this toolkit's contract).")
  private Path contractVersion;

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

  @Spec CommandSpec spec;

  @Parameters(arity = "1..*", paramLabel = "FILE", description = "JPEG or PNG files.")
  private List<Path> files;

  private final Gson gson =
      new GsonBuilder().disableHtmlEscaping().serializeSpecialFloatingPointValues().create();
  private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  private final String model;

  /**
   * Makes a command.
   *
   * @param model the toolkit's name of the model that it asks
   */
  FileCommand(String model) {
    this.model = model;
  }

  /** Asks about one encoded image; returns what its line says. */
  abstract Map<String, Object> answer(VisionModel asked, byte[] image);

  /** Refuses options that cannot hold. */
  void checkOptions() {
    if (!(timeoutSeconds > 0)) {
      throw new ParameterException(
          spec.commandLine(),
          "--timeout: expected more than 0 seconds, received " + timeoutSeconds);
    }
    if (source.version != null && (contractVersion != null || modelName != null)) {
      throw new ParameterException(
          spec.commandLine(), "--contract and --model-name are about a server: use --server");
    }
  }

  @Override
  public Integer call() {
    checkOptions();
    try {
      if (source.version != null) {
        try (VisionService service = VisionService.load(source.version)) {
          return answerFiles(image -> answer(service, image));
        }
      }
      Contract contract =
          contractVersion == null ? Contract.ofModel(model) : Contract.ofVersion(contractVersion);
      try (VisionGrpcClient client =
          VisionGrpcClient.builder(source.server)
              .contract(contract)
              .model(modelName == null ? contract.model() : modelName)
              .deadline(Duration.ofMillis(Math.round(timeoutSeconds * 1000)))
              .build()) {
        client.checkContract();
        return answerFiles(image -> answer(client, image));
      }
    } catch (VisionException | UnsupportedOperationException e) {
      // What is wrong with the version or the server is wrong for every file.
      System.err.println("vision-client: " + e.getMessage());
      return 1;
    }
  }

  /** Answers the files one by one: a file that cannot be answered does not hide the others. */
  private int answerFiles(Function<byte[], Map<String, Object>> asked) {
    int exitCode = 0;
    for (Path file : files) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("file", file.toString());
      try {
        line.putAll(asked.apply(Files.readAllBytes(file)));
      } catch (IOException e) {
        line.put("error", reason(e));
        exitCode = 1;
      } catch (InvalidImageException | InferenceException | DeadlineExceededException e) {
        line.put("error", e.getMessage());
        exitCode = 1;
      }
      out.println(gson.toJson(line));
    }
    return exitCode;
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
