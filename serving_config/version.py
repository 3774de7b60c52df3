"""The project's version: the one place that says it.

``pyproject.toml`` reads it from here, and it is every package's ``__version__``. A test holds the
Java pom and the image tags of the manifests to it. RELEASING.md says when it changes.
"""

__version__ = "0.1.0"
