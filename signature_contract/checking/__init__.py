"""Holding a model to its contract: what it declares, then what it does.

Everything that runs a model runs in a process of its own, for a graph can end its process.
"""
