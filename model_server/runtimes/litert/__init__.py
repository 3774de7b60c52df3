"""A version in LiteRT interpreters: what its file declares, the pool, and what hosts add to it."""
