"""What the demo raises."""


class DemoError(Exception):
    """A step failed; the message says which and how."""
