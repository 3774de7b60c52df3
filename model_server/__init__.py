"""TensorFlow Serving's API where its binary is absent: ``python -m model_server``.

The way of a call, from the top down; imports go the same way:

* ``grpc_api``, ``rest_api``: the two transports.
* ``api``: requests in, responses out.
* ``models``: which versions there are, shall be, load, take calls and go.
* ``runtimes``: how a version runs.
* ``observation``, ``messages``, ``errors``: below all of them.

``command`` and ``application`` put it together, ``options`` has every flag, ``tuning`` measures.
"""

from serving_config.version import __version__

__all__ = ["__version__"]
