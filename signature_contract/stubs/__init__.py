"""Typed clients, written from a contract."""
