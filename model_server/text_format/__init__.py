"""Files that hold TensorFlow Serving's messages in text format, and what becomes of each field."""
