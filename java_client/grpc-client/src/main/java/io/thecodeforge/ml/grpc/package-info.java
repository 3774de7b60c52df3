/**
 * The way to a model over TensorFlow Serving's gRPC API; needs neither TensorFlow nor its messages.
 */
package io.thecodeforge.ml.grpc;
