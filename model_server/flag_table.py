"""All flags for readers: ``--help``, and the table in ``docs/serving_flags.md``.

``python -m model_server.flag_table`` prints that table.
"""

from __future__ import annotations

from model_server import flags, options
from model_server.flags import Flag, State

_USAGE = """usage: python -m model_server [--flag=value]...

Flags of TensorFlow Serving that are honoured:
{honoured}
Flags of TensorFlow Serving of which the embedded server accepts only the default:
{default_only}
Flags that TensorFlow Serving does not have:
{own}
With --server=binary, docker or auto, other flags are passed on to the program that is chosen."""


def usage() -> str:
    """Return the text of ``--help``: every flag with its default, kind, state and meaning."""
    return _USAGE.format(
        honoured=_section(State.HONOURED),
        default_only=_section(State.DEFAULT_ONLY),
        own=_section(State.OWN),
    )


def markdown() -> str:
    """Return TensorFlow Serving's flags as a table in Markdown."""
    rows = ["| flag | kind | default | state | |", "|---|---|---|---|---|"]
    for known in sorted(options.FLAGS.values(), key=lambda known: known.name):
        if known.state is not State.OWN:
            rows.append(
                f"| `--{known.name}` | {known.kind} | {_default(known)} | {known.state.value} | "
                f"{known.text} |"
            )
    return "\n".join(rows) + "\n"


def _section(state: State) -> str:
    lines = []
    for known in options.FLAGS.values():
        if known.state is state:
            lines.append(f"  --{known.name}={flags.show(known.default)} ({known.kind})")
            lines.append(f"      {known.text}")
    return "\n".join(lines) + "\n"


def _default(known: Flag) -> str:
    per_core = {
        "grpc_max_threads": "4 a core",
        "rest_api_num_threads": "4 a core",
        "num_tflite_pools": "1 a core",
    }
    shown = per_core.get(known.name) or flags.show(known.default)
    return shown or '""'


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201
