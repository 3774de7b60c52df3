"""What can go wrong in ``export``, for people: each message says what to do next.

ExportError
  ├── SettingsError    a setting that cannot work, found before anything runs
  ├── DataSetError     the photographs cannot train a model
  ├── WeightsError     pretrained weights cannot be had, or are not what they should be
  └── PublishError     a version failed verification, or cannot be put into place
"""


class ExportError(Exception):
    """Base of every error the command line reports in one paragraph, without a traceback."""


class SettingsError(ExportError):
    """A setting is out of range or contradicts another."""


class DataSetError(ExportError):
    """The data set is missing, too small, or lost a class."""


class WeightsError(ExportError):
    """Pretrained weights are out of reach, damaged, or belong to another network."""


class PublishError(ExportError):
    """Nothing was published; what would have been is described in the message."""
