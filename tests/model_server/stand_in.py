"""Stands in for TensorFlow Serving's program where the tests run with ``--server=binary``.

No package registry has the real one. This runs the embedded server, differing where the real one
differs from it and a test might not expect that: it is ended by SIGTERM, it logs other lines, it
prints another version, it answers bytes that are no message with INTERNAL and no text, it refuses
flags that TensorFlow Serving does not have, and accepts those that the embedded server refuses.

STAND_IN_CALLED, if set, names a file that is given the arguments.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from model_server import options, stopping
from model_server.errors import StartError, UsageError
from model_server.flags import State
from model_server.observation import logs
from model_server.parsing import parse
from model_server.settings import read_model_configs


class Differences(grpc.ServerInterceptor):
    """Parses requests as a C++ server does: what is no message gets INTERNAL without a text."""

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Take the parsing of unary calls over."""
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        parse, answer = handler.request_deserializer, handler.unary_unary

        def parse_and_answer(data: bytes, context: Any) -> Any:
            try:
                request = parse(data)
            except DecodeError:
                context.abort(grpc.StatusCode.INTERNAL, "")
            return answer(request, context)

        return grpc.unary_unary_rpc_method_handler(
            parse_and_answer, None, handler.response_serializer
        )


class OtherWords(logging.Formatter):
    """Says that something happened and not what, so that no test can wait for a text of ours."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a line without the message."""
        return f"{record.levelname[0]} {record.module}.cc:{record.lineno}] event"


def main() -> int:
    """Serve; returns the exit code."""
    arguments = sys.argv[1:]
    if called := os.environ.get("STAND_IN_CALLED"):
        Path(called).write_text("\n".join(arguments) + "\n")
    names = [argument.removeprefix("--").partition("=")[0] for argument in arguments]
    foreign = [name for name in names if name in options.OWN_FLAGS]
    if foreign:
        print(f"unknown argument: --{foreign[0]}")
        return 255
    if "version" in names:
        print("TensorFlow ModelServer: 2.20.0-rc0+stand.in\nTensorFlow Library: 2.20.0")
        return 0
    served = [f"--{name}" for name, known in options.FLAGS.items() if known.state is State.HONOURED]
    kept = [argument for argument in arguments if argument.partition("=")[0] in served]
    logs.configure()
    logging.getLogger().handlers[0].setFormatter(OtherWords())
    grpc.server = functools.partial(grpc.server, interceptors=[Differences()])
    signals = stopping.StopSignals()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        chosen = parse([*kept, "--check_signature_shapes=false", "--request_log=none"])
        configs = read_model_configs(chosen)
        from model_server import application

        application.run(chosen, configs, signals)
    except (StartError, UsageError) as err:
        print(f"Failed to start server. Error: INVALID_ARGUMENT: {err}")
        return 255
    return 0


if __name__ == "__main__":
    sys.exit(stopping.end(main()))
