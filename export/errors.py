"""What can go wrong in ``export``, for people: each message says what to do next.

ExportError
  ├── SettingsError    a setting that cannot work, found before anything runs
  ├── DataSetError     the photographs cannot train a model
  │     └── LeakError            photographs stand on both sides of the split
  ├── WeightsError     pretrained weights cannot be had, or are not what they should be
  ├── GuardError       training would go wrong quietly; nothing is published
  │     ├── InputRangeError      the base gets other values than it was trained on
  │     ├── ImageSizeError       an image is smaller than the base's smallest input
  │     ├── TrainableBaseError   layers train that should be frozen
  │     ├── StaleCompileError    the model was compiled before layers were frozen or unfrozen
  │     ├── BatchNormShiftError  a frozen base's statistics moved
  │     ├── NotFiniteError       a loss or a weight is not a number
  │     └── OutOfMemoryError     one example alone does not fit into memory
  ├── WorkerError      a worker of a distributed training is missing or was lost
  ├── ResumeError      a working directory holds another run, is in use, or cannot be written
  ├── PublishError     a version failed verification, or cannot be put into place
  └── LineageError     the record of runs cannot be read or written
"""


class ExportError(Exception):
    """Base of every error the command line reports in one paragraph, without a traceback."""


class SettingsError(ExportError):
    """A setting is out of range or contradicts another."""


class DataSetError(ExportError):
    """The data set is missing, too small, or lost a class."""


class LeakError(DataSetError):
    """Photographs that validate are among those that are trained on."""


class WeightsError(ExportError):
    """Pretrained weights are out of reach, damaged, or belong to another network."""


class GuardError(ExportError):
    """Training was stopped because it would have gone wrong quietly."""


class InputRangeError(GuardError):
    """What reaches the base is not coded as the base expects."""


class ImageSizeError(GuardError):
    """An image is smaller than the base's smallest input."""


class TrainableBaseError(GuardError):
    """Layers of the base train that should be frozen."""


class StaleCompileError(GuardError):
    """The model was compiled before its layers were frozen or unfrozen."""


class BatchNormShiftError(GuardError):
    """Training moved the statistics of a base that runs in inference mode."""


class NotFiniteError(GuardError):
    """A loss, a figure or a weight is NaN or infinite."""


class OutOfMemoryError(GuardError):
    """A step does not fit into memory, not even with one example."""


class WorkerError(ExportError):
    """A worker of a distributed training is missing, was lost, or stands apart from the others."""


class ResumeError(ExportError):
    """An interrupted run cannot be gone on with; the message says what differs."""


class PublishError(ExportError):
    """Nothing was published; what would have been is described in the message."""


class LineageError(ExportError):
    """The store of runs cannot be reached, is too new, or has not what was asked for."""
