"""Who may import whom: the rooms of the repository, and that no modules import in a circle.

Every import counts, also one inside a function or for type checkers: it says who has to know whom.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What each room may import besides itself, from the bottom up.
BASE = ("protos", "signature_contract", "serving_config")
SERVER_BASE = (
    "protos",
    "signature_contract",
    "model_server.errors",
    "model_server.text_format",
    "model_server.observation",
)
SERVER_API = (*SERVER_BASE, "model_server.api", "model_server.models", "model_server.runtimes")
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "protos": (),
    "signature_contract": ("protos",),
    "serving_config": ("protos", "signature_contract"),
    "python_client": BASE,
    # Through Java; who does not ask for it never needs JPype.
    "python_client.java": (*BASE, "python_client"),
    # The server and its callers meet on the wire alone. What it loads it finds on disk.
    "model_server.errors": (),
    "model_server.text_format": (*BASE, "model_server.errors"),
    "model_server.observation": ("model_server.errors",),
    "model_server.runtimes": SERVER_BASE,
    "model_server.runtimes.tensorflow": (*SERVER_BASE, "model_server.runtimes"),
    "model_server.runtimes.litert": (*BASE, *SERVER_BASE, "model_server.runtimes"),
    # Who chooses has to know both; nobody else knows either.
    "model_server.runtimes.choice": (
        *BASE,
        *SERVER_BASE,
        "model_server.runtimes",
        "model_server.runtimes.tensorflow",
        "model_server.runtimes.litert",
    ),
    "model_server.models": (
        *BASE,
        *SERVER_BASE,
        "model_server.runtimes",
    ),
    "model_server.api": (*SERVER_BASE, "model_server.models", "model_server.runtimes"),
    "model_server.grpc_api": SERVER_API,
    "model_server.rest_api": (*SERVER_API, "model_server.ports"),
    "model_server.ports": ("model_server.errors",),
    "model_server.options": ("model_server.errors", "model_server.flags", "model_server.runtimes"),
    "model_server.flags": ("model_server.errors",),
    "model_server.stopping": (),
    "model_server.processes": (
        *SERVER_API,
        "model_server.options",
        "model_server.ports",
        "model_server.stopping",
    ),
    "model_server.tuning": (*BASE, *SERVER_BASE, "model_server.models"),
    # The command line and the whole.
    "model_server": (
        *BASE,
        *SERVER_API,
        "model_server.runtimes.choice",
        "model_server.grpc_api",
        "model_server.rest_api",
        "model_server.processes",
        "model_server.options",
        "model_server.flags",
        "model_server.ports",
        "model_server.stopping",
        "model_server.tuning",
    ),
    # A server is a program that it starts.
    "export": (*BASE, "python_client"),
    "demo": (*BASE, "python_client", "export"),
    "benchmarks": (*BASE, "python_client", "export", "model_server.tuning"),
}

# The package whose messages protos replaces; tests alone know it.
SERVING_PACKAGE = "tensorflow_serving"


@functools.cache
def modules() -> Mapping[str, Path]:
    """Return the file of each module of the repository's packages, by its full name."""
    found = {}
    for package in sorted({room.partition(".")[0] for room in MAY_IMPORT}):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_names(path: Path) -> Iterator[str]:
    """Yield what a file imports, each as ``package.module`` or ``package.module.name``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            base = ".".join([*package, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


@functools.cache
def imports() -> Mapping[str, frozenset[str]]:
    """Return the modules of the repository that each module imports."""
    known = modules()

    def resolve(name: str) -> str:
        return name if name in known else name.rpartition(".")[0]

    return {
        name: frozenset(map(resolve, imported_names(path))) & known.keys() - {name}
        for name, path in known.items()
    }


def room_of(module: str) -> str:
    """Return the room a module is in: the longest name of the table that begins its own."""
    return max((room for room in MAY_IMPORT if f"{module}.".startswith(f"{room}.")), key=len)


def breaks() -> set[tuple[str, str]]:
    """Return importer and imported of each import that the table does not allow."""
    return {
        (importer, imported)
        for importer, others in imports().items()
        for imported in others
        if room_of(imported) not in (room := room_of(importer), *MAY_IMPORT[room])
    }


def circles() -> set[frozenset[str]]:
    """Return the largest groups of modules each of which imports all others, if by detours."""
    graph = imports()
    reached = {name: _reached_from(name, graph) for name in graph}
    return {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in graph
        if name in reached[name]
    }


def _reached_from(start: str, graph: Mapping[str, frozenset[str]]) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        new = graph[pending.pop()] - found
        found |= new
        pending += new
    return found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_what_the_table_allows(room: str) -> None:
    wrong = sorted(
        f"{importer} imports {imported}"
        for importer, imported in breaks()
        if room_of(importer) == room
    )
    allowed = ", ".join(MAY_IMPORT[room]) or "nothing"
    assert not wrong, f"{room} may import {allowed}; but " + "; ".join(wrong)


def test_no_modules_import_in_a_circle() -> None:
    assert sorted(map(sorted, circles())) == []


def test_the_table_names_rooms_that_there_are() -> None:
    assert MAY_IMPORT.keys() == {room_of(module) for module in modules()}


def test_messages_come_from_protos_alone() -> None:
    users = {
        name
        for name, path in modules().items()
        if any(used.partition(".")[0] == SERVING_PACKAGE for used in imported_names(path))
    }
    assert sorted(users) == []
