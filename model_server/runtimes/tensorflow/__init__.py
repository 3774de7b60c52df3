"""A version in a TensorFlow session: loading, running, and joining runs into batches."""
