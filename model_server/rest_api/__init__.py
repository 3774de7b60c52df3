"""The API over HTTP and JSON, byte for byte as TensorFlow Serving writes it."""
