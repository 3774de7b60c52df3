/**
 * What a program asks, wherever the model runs: {@link io.thecodeforge.ml.model.Model} for tensors,
 * {@link io.thecodeforge.ml.model.VisionModel} for images.
 *
 * <p>{@code embedded.ModelService} and {@code embedded.VisionService} run a version inside this
 * process; {@code grpc.ModelGrpcClient} and {@code grpc.VisionGrpcClient} ask a server. A program
 * that is written against these interfaces swaps one for the other by configuration, and its tests
 * fake them.
 */
package io.thecodeforge.ml.model;
