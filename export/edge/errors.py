"""What can go wrong on the way to a TFLite file; after each of these nothing was written.

EdgeError
  ├── ConversionError    the graph cannot become this form
  ├── EdgeContractError  a converted file answers otherwise than its contract says
  └── AccuracyLossError  a form answers, but loses more accuracy than allowed
"""

from export.errors import ExportError


class EdgeError(ExportError):
    """Base of every error of ``python -m export tflite``."""


class ConversionError(EdgeError):
    """The version's graph cannot be converted, or not to the form that was asked for."""


class EdgeContractError(EdgeError):
    """A converted file breaks its contract, or the golden vectors do not hold."""


class AccuracyLossError(EdgeError):
    """A form loses more accuracy than the limit allows."""
