"""The messages of TensorFlow and TensorFlow Serving that this project reads and writes.

The ``.proto`` files below this package are their one source, for Python and for Java: package,
names and numbers are the originals', the words are ours, and what nobody here sets or reads is left
out. ``protos.PredictRequest()`` is a message, ``protos.DataType.Value("DT_FLOAT")`` a number of an
enumeration; the stub beside this file lists them all with their fields.

Neither TensorFlow nor ``tensorflow-serving-api`` is needed or imported. The classes live in a
descriptor pool of their own, so a process may import either as well, before or after. Its classes
are then others, and a message goes from one side to the other as bytes::

    protos.TensorProto.FromString(tensorflow.make_tensor_proto(1.0).SerializeToString())

After a change of a ``.proto`` file, ``python -m protos`` compiles them all: ``descriptors.binpb``
and the stub are written anew, and a test refuses a commit without that.
"""

from __future__ import annotations

from typing import Any

# The pool costs 20 ms and 2.6 MB: it is filled when a message is first asked for, not by whoever
# imports what may ask for one.


def __getattr__(name: str) -> Any:
    """Make the class of a message, or an enumeration, when it is first asked for."""
    from protos.pool import find

    found = find(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    from protos.pool import NAMES

    return sorted({*globals(), *NAMES})
