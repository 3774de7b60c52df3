/**
 * Photographs to answers, under the signature contract that Python shares.
 *
 * <p>{@link io.thecodeforge.ml.VisionService} runs a published version inside this process with
 * TensorFlow Java; {@link io.thecodeforge.ml.VisionGrpcClient} asks a server that speaks TensorFlow
 * Serving's gRPC API. Both give the same {@link io.thecodeforge.ml.Classification} and throw the
 * same {@link io.thecodeforge.ml.VisionException}s.
 */
package io.thecodeforge.ml;
