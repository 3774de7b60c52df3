"""``--processes``: one server of several processes.

A ``supervisor`` without models starts the processes that have them, each a whole server on the same
ports. What concerns all of them goes through it, over Unix sockets in a folder that only this user
can open (``control``): a new list of models, the state of a model, the metrics. ``membership`` is
the side of the process that serves.
"""
