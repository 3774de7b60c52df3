"""Measure what a published version, or the server that holds it, really answers.

Never the training model: every figure comes from ``serving_bytes``, so decoding and resizing are
inside it.
"""
