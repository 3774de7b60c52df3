"""TensorFlow Serving's messages, and the files that hold them in text format."""
