"""Fixtures that more than one test directory uses: a published model and running servers.

This process never imports TensorFlow and never starts a JVM (TensorFlow Java and Python TensorFlow
cannot share a process): models are made by ``python -m export``, servers by ``python -m
model_server``, Java runs in a worker of its own.
"""
