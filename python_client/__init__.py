"""gRPC client for TensorFlow Serving that never starts TensorFlow."""
