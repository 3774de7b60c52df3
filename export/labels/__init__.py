"""Labelled images as people have them: found, read, checked and shown, without TensorFlow."""
