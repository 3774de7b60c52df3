package io.thecodeforge.ml.benchmarks;

import io.thecodeforge.ml.embedded.VisionService;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.tensorflow.Result;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.Session;
import org.tensorflow.ndarray.NdArrays;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TString;

/** One file at a time, in this process: the library beside TensorFlow's session alone. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class EmbeddedBenchmark {

  /** A published version's directory. */
  @Param("")
  public String version;

  /** An image file. */
  @Param("")
  public String image;

  private static final String SIGNATURE = "serving_bytes";

  private byte[] file;
  private VisionService service;
  private SavedModelBundle bundle;
  private String input;
  private final Map<String, String> outputs = new LinkedHashMap<>();

  /** Loads the version twice; one thread a call, as many threads ask. */
  @Setup(Level.Trial)
  public void load() throws IOException {
    ConfigProto config = ConfigProto.newBuilder().setIntraOpParallelismThreads(1).build();
    file = Files.readAllBytes(Path.of(image));
    service = VisionService.load(Path.of(version), config);
    bundle = SavedModelBundle.loader(version).withTags("serve").withConfigProto(config).load();
    SignatureDef signature = bundle.metaGraphDef().getSignatureDefOrThrow(SIGNATURE);
    input = signature.getInputsOrThrow("image_bytes").getName();
    signature.getOutputsMap().forEach((name, info) -> outputs.put(name, info.getName()));
  }

  /** Frees both. */
  @TearDown(Level.Trial)
  public void free() {
    service.close();
    bundle.close();
  }

  /** The library. */
  @Benchmark
  public Object library() {
    return service.contract().model().equals("detector")
        ? service.detect(file)
        : service.classify(file);
  }

  /** The same tensors by hand, the numbers copied out. */
  @Benchmark
  public Object session() {
    try (TString tensor = TString.tensorOfBytes(NdArrays.vectorOfObjects(new byte[][] {file}))) {
      Session.Runner runner = bundle.session().runner().feed(input, tensor);
      outputs.values().forEach(runner::fetch);
      try (Result result = runner.run()) {
        float total = 0;
        for (int i = 0; i < result.size(); i++) {
          if (result.get(i) instanceof TFloat32 numbers) {
            float[] copy = new float[(int) numbers.size()];
            numbers.asRawTensor().data().asFloats().read(copy);
            total += copy[0];
          }
        }
        return total;
      }
    }
  }
}
