package io.thecodeforge.ml.grpc;

import com.google.protobuf.Message;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;
import io.thecodeforge.ml.grpc.proto.GetModelMetadataRequest;
import io.thecodeforge.ml.grpc.proto.GetModelMetadataResponse;
import io.thecodeforge.ml.grpc.proto.PredictRequest;
import io.thecodeforge.ml.grpc.proto.PredictResponse;

/**
 * The two calls of TensorFlow Serving's PredictionService that the client makes.
 *
 * <p>Written here rather than generated: two descriptors are less than a code generator that has to
 * be had for each platform.
 */
final class ServingMethods {

  static final String SERVICE = "tensorflow.serving.PredictionService";

  static final MethodDescriptor<PredictRequest, PredictResponse> PREDICT =
      unary("Predict", PredictRequest.getDefaultInstance(), PredictResponse.getDefaultInstance());

  static final MethodDescriptor<GetModelMetadataRequest, GetModelMetadataResponse>
      GET_MODEL_METADATA =
          unary(
              "GetModelMetadata",
              GetModelMetadataRequest.getDefaultInstance(),
              GetModelMetadataResponse.getDefaultInstance());

  private ServingMethods() {}

  private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> unary(
      String name, Q request, A answer) {
    return MethodDescriptor.<Q, A>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName(MethodDescriptor.generateFullMethodName(SERVICE, name))
        .setRequestMarshaller(ProtoUtils.marshaller(request))
        .setResponseMarshaller(ProtoUtils.marshaller(answer))
        // Asking twice is asking once: both calls may be retried.
        .setIdempotent(true)
        .build();
  }
}
