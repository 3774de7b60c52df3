"""TensorFlow Serving's gRPC API on in-process TensorFlow: the embedded default."""
