package io.thecodeforge.ml.grpc;

import com.google.protobuf.Message;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;
import io.thecodeforge.ml.grpc.proto.GetModelMetadataRequest;
import io.thecodeforge.ml.grpc.proto.GetModelMetadataResponse;
import io.thecodeforge.ml.grpc.proto.GetModelStatusRequest;
import io.thecodeforge.ml.grpc.proto.GetModelStatusResponse;
import io.thecodeforge.ml.grpc.proto.PredictRequest;
import io.thecodeforge.ml.grpc.proto.PredictResponse;

/**
 * The calls of TensorFlow Serving's services that the client makes.
 *
 * <p>Written here rather than generated: three descriptors are less than a code generator that has
 * to be had for each platform.
 */
final class ServingMethods {

  static final String SERVICE = "tensorflow.serving.PredictionService";
  static final String MODEL_SERVICE = "tensorflow.serving.ModelService";

  static final MethodDescriptor<PredictRequest, PredictResponse> PREDICT =
      unary(
          SERVICE,
          "Predict",
          PredictRequest.getDefaultInstance(),
          PredictResponse.getDefaultInstance());

  static final MethodDescriptor<GetModelMetadataRequest, GetModelMetadataResponse>
      GET_MODEL_METADATA =
          unary(
              SERVICE,
              "GetModelMetadata",
              GetModelMetadataRequest.getDefaultInstance(),
              GetModelMetadataResponse.getDefaultInstance());

  static final MethodDescriptor<GetModelStatusRequest, GetModelStatusResponse> GET_MODEL_STATUS =
      unary(
          MODEL_SERVICE,
          "GetModelStatus",
          GetModelStatusRequest.getDefaultInstance(),
          GetModelStatusResponse.getDefaultInstance());

  private ServingMethods() {}

  private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> unary(
      String service, String name, Q request, A answer) {
    return MethodDescriptor.<Q, A>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName(MethodDescriptor.generateFullMethodName(service, name))
        .setRequestMarshaller(ProtoUtils.marshaller(request))
        .setResponseMarshaller(ProtoUtils.marshaller(answer))
        // Asking twice is asking once: all calls may be retried.
        .setIdempotent(true)
        .build();
  }
}
