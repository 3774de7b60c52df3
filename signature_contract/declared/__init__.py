"""What a model says of itself: read from its file or asked of its server, without running it.

Neither TensorFlow nor NumPy is imported, and of a file's graph and weights nothing is read.
"""
