"""The schema's history, for Alembic; part of the package, so that a wheel can upgrade a store."""
