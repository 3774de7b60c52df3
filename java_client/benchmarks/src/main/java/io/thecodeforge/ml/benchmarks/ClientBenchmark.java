package io.thecodeforge.ml.benchmarks;

import com.google.protobuf.UnsafeByteOperations;
import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.grpc.VisionGrpcClient;
import io.thecodeforge.ml.grpc.proto.DataType;
import io.thecodeforge.ml.grpc.proto.PredictRequest;
import io.thecodeforge.ml.grpc.proto.PredictResponse;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import io.thecodeforge.ml.grpc.proto.TensorShapeProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

/** One file at a time, on a server: the client beside gRPC alone. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class ClientBenchmark {

  private static final MethodDescriptor<PredictRequest, PredictResponse> PREDICT =
      MethodDescriptor.<PredictRequest, PredictResponse>newBuilder()
          .setType(MethodDescriptor.MethodType.UNARY)
          .setFullMethodName("tensorflow.serving.PredictionService/Predict")
          .setRequestMarshaller(ProtoUtils.marshaller(PredictRequest.getDefaultInstance()))
          .setResponseMarshaller(ProtoUtils.marshaller(PredictResponse.getDefaultInstance()))
          .build();

  /** A published version's directory: what the server is held to. */
  @Param("")
  public String version;

  /** The server. */
  @Param("")
  public String target;

  /** An image file. */
  @Param("")
  public String image;

  private byte[] file;
  private Contract contract;
  private VisionGrpcClient client;
  private ManagedChannel channel;

  /** Opens both. */
  @Setup(Level.Trial)
  public void open() throws IOException {
    file = Files.readAllBytes(Path.of(image));
    contract = Contract.ofVersion(Path.of(version));
    client = VisionGrpcClient.builder(target).contract(contract).build();
    channel = Grpc.newChannelBuilder(target, InsecureChannelCredentials.create()).build();
  }

  /** Closes both. */
  @TearDown(Level.Trial)
  public void close() {
    client.close();
    channel.shutdownNow();
  }

  /** The library. */
  @Benchmark
  public Object library() {
    return contract.model().equals("detector") ? client.detect(file) : client.classify(file);
  }

  /** The same message by hand, sent by gRPC's own call. */
  @Benchmark
  public Object stub() {
    TensorProto tensor =
        TensorProto.newBuilder()
            .setDtype(DataType.DT_STRING)
            .setTensorShape(
                TensorShapeProto.newBuilder().addDim(TensorShapeProto.Dim.newBuilder().setSize(1)))
            .addStringVal(UnsafeByteOperations.unsafeWrap(file))
            .build();
    PredictRequest.Builder request = PredictRequest.newBuilder().putInputs("image_bytes", tensor);
    request.getModelSpecBuilder().setName(contract.model()).setSignatureName("serving_bytes");
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(10, TimeUnit.SECONDS);
    return ClientCalls.blockingUnaryCall(channel, PREDICT, options, request.build());
  }
}
