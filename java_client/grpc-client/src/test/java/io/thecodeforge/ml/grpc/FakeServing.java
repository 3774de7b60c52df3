package io.thecodeforge.ml.grpc;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Int64Value;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.stub.ServerCalls;
import io.thecodeforge.ml.grpc.proto.DataType;
import io.thecodeforge.ml.grpc.proto.GetModelMetadataRequest;
import io.thecodeforge.ml.grpc.proto.GetModelMetadataResponse;
import io.thecodeforge.ml.grpc.proto.PredictRequest;
import io.thecodeforge.ml.grpc.proto.PredictResponse;
import io.thecodeforge.ml.grpc.proto.SignatureDef;
import io.thecodeforge.ml.grpc.proto.SignatureDefMap;
import io.thecodeforge.ml.grpc.proto.TensorInfo;
import io.thecodeforge.ml.grpc.proto.TensorProto;
import io.thecodeforge.ml.grpc.proto.TensorShapeProto;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * A service that answers as TensorFlow Serving does, with the logits [1, 2, 3] for every image, and
 * that a test can make fail, or answer something else.
 */
final class FakeServing {

  static final List<String> CLASS_NAMES = List.of("red", "green", "blue");
  static final List<Float> LOGITS = List.of(1f, 2f, 3f);
  static final List<Float> PROBABILITIES = List.of(0.09003057f, 0.24472848f, 0.66524094f);

  /** Every request that arrived, failed ones included. */
  final List<PredictRequest> requests = new CopyOnWriteArrayList<>();

  /** Statuses of the next Predict calls, before one is answered. */
  final List<Status> failures = new CopyOnWriteArrayList<>();

  /** Refuses a request, or does not (null). */
  volatile Function<PredictRequest, Status> refusal = request -> null;

  /** The version that answers; 0 for a server that does not say. */
  volatile long version = 3;

  /** Answers nothing before so many requests wait, then all of them. */
  volatile int waitFor = 1;

  private final List<Runnable> waiting = new ArrayList<>(); // guarded by itself

  /** Changes each answer. */
  volatile UnaryOperator<Map<String, TensorProto>> answer = UnaryOperator.identity();

  /** The declared signatures, changeable. */
  final Map<String, SignatureDef> signatures = new LinkedHashMap<>();

  FakeServing() {
    signatures.put("serving_default", signature("input_tensor", DataType.DT_UINT8, -1, -1, -1, 3));
    signatures.put("serving_bytes", signature("image_bytes", DataType.DT_STRING, -1));
    signatures.put("__saved_model_init_op", SignatureDef.getDefaultInstance());
  }

  ServerServiceDefinition service() {
    return ServerServiceDefinition.builder(ServingMethods.SERVICE)
        .addMethod(
            ServingMethods.PREDICT,
            ServerCalls.<PredictRequest, PredictResponse>asyncUnaryCall(
                (request, observer) -> {
                  requests.add(request);
                  if (!failures.isEmpty()) {
                    observer.onError(failures.remove(0).asRuntimeException());
                    return;
                  }
                  Status refused = refusal.apply(request);
                  if (refused != null) {
                    observer.onError(refused.asRuntimeException());
                    return;
                  }
                  answerTogether(
                      () -> {
                        observer.onNext(predict(request));
                        observer.onCompleted();
                      });
                }))
        .addMethod(
            ServingMethods.GET_MODEL_METADATA,
            ServerCalls.<GetModelMetadataRequest, GetModelMetadataResponse>asyncUnaryCall(
                (request, observer) -> {
                  if (!request.getModelSpec().getName().equals("classifier")) {
                    observer.onError(
                        Status.NOT_FOUND
                            .withDescription("Servable not found for request: Latest(other)")
                            .asRuntimeException());
                    return;
                  }
                  observer.onNext(metadata());
                  observer.onCompleted();
                }))
        .build();
  }

  private void answerTogether(Runnable one) {
    List<Runnable> ready;
    synchronized (waiting) {
      waiting.add(one);
      if (waiting.size() < waitFor) {
        return;
      }
      ready = List.copyOf(waiting);
      waiting.clear();
    }
    ready.forEach(Runnable::run);
  }

  private PredictResponse predict(PredictRequest request) {
    TensorProto input = request.getInputsMap().values().iterator().next();
    int rows = Math.toIntExact(input.getTensorShape().getDim(0).getSize());
    Map<String, TensorProto> outputs = new LinkedHashMap<>();
    outputs.put("probabilities", floats(rows, PROBABILITIES));
    outputs.put("logits", floats(rows, LOGITS));
    outputs.put("classes", texts(rows, CLASS_NAMES));
    PredictResponse.Builder response =
        PredictResponse.newBuilder().putAllOutputs(answer.apply(outputs));
    if (version != 0) {
      response.getModelSpecBuilder().setName("classifier").setVersion(Int64Value.of(version));
    }
    return response.build();
  }

  private GetModelMetadataResponse metadata() {
    SignatureDefMap map = SignatureDefMap.newBuilder().putAllSignatureDef(signatures).build();
    return GetModelMetadataResponse.newBuilder()
        .putMetadata("signature_def", Any.pack(map))
        .build();
  }

  static TensorProto floats(int rows, List<Float> row) {
    List<Float> values = new ArrayList<>();
    for (int i = 0; i < rows; i++) {
      values.addAll(row);
    }
    return TensorProto.newBuilder()
        .setDtype(DataType.DT_FLOAT)
        .setTensorShape(shape(rows, row.size()))
        .addAllFloatVal(values)
        .build();
  }

  static TensorProto texts(int rows, List<String> row) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setDtype(DataType.DT_STRING)
            .setTensorShape(shape(rows, row.size()));
    for (int i = 0; i < rows; i++) {
      row.forEach(text -> tensor.addStringVal(ByteString.copyFromUtf8(text)));
    }
    return tensor.build();
  }

  private static SignatureDef signature(String input, DataType type, long... shape) {
    return SignatureDef.newBuilder()
        .putInputs(input, info(type, shape))
        .putOutputs("probabilities", info(DataType.DT_FLOAT, -1, 3))
        .putOutputs("logits", info(DataType.DT_FLOAT, -1, 3))
        .putOutputs("classes", info(DataType.DT_STRING, -1, 3))
        .build();
  }

  private static TensorInfo info(DataType type, long... shape) {
    return TensorInfo.newBuilder().setDtype(type).setTensorShape(shape(shape)).build();
  }

  /** A shape as messages declare it. */
  static TensorShapeProto shape(long... sizes) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (long size : sizes) {
      shape.addDim(TensorShapeProto.Dim.newBuilder().setSize(size));
    }
    return shape.build();
  }
}
