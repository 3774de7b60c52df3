/**
 * What every answer is made of, and what is thrown instead of one.
 *
 * <p>{@code embedded.VisionService} runs a published version inside this process with TensorFlow
 * Java; {@code grpc.VisionGrpcClient} asks a server that speaks TensorFlow Serving's gRPC API. Both
 * give the same {@link io.thecodeforge.ml.Classification}s and {@link
 * io.thecodeforge.ml.Detection}s and throw the same {@link io.thecodeforge.ml.VisionException}s.
 */
package io.thecodeforge.ml;
