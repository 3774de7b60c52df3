"""One page that shows what a published version learnt, and how: ``python -m export report``."""
