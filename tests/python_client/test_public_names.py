"""What `python_client` promises: every name that its users meet, documented, nothing private."""

from __future__ import annotations

import ast
import inspect
import itertools
import pkgutil
import pydoc
import re
from pathlib import Path

import pytest

import python_client
from python_client import errors

REPO = Path(__file__).resolve().parents[2]
MODULES = {"drawing", "errors", "java", "tensors"}
DOCUMENTS = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
CLASSES = [name for name in python_client.__all__ if inspect.isclass(getattr(python_client, name))]
SCREEN = 84  # lines of a terminal that fills a window; Python's own notes on a dataclass take 35
# Of a class whose calls, or fields, say what each takes, gives and raises.
LONGER = {"Contract": 120, "ModelClient": 120, "TensorSpec": 100}


def test_no_module_is_public_by_accident() -> None:
    found = {module.name for module in pkgutil.iter_modules(python_client.__path__)}
    assert {name for name in found if not name.startswith("_")} == MODULES


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_use_public_names_only(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for imported in re.findall(r"^from python_client import (.+)$", text, re.MULTILINE):
        assert set(imported.split(", ")) <= {*python_client.__all__, *MODULES}
    for module in re.findall(r"^from python_client\.(\w+) import", text, re.MULTILINE):
        assert module in MODULES
    for path in re.findall(r"`python_client\.([\w.]+)", text):
        first, *rest = path.split(".")
        assert first in {*python_client.__all__, *MODULES}
        assert not rest or pydoc.locate(f"python_client.{path}")


def test_every_class_named_in_the_guide_can_be_imported() -> None:
    guide = (REPO / "docs" / "python_client.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([A-Z]\w+[a-z])\b", guide) if name != "TensorProto"}
    assert named - {*python_client.__all__} == set()


def test_every_error_is_public() -> None:
    tree = {name for name, value in vars(errors).items() if _is_error(value)}
    assert tree <= {*python_client.__all__}
    assert {cls.__name__ for cls in errors.CLASS_OF_CODE.values()} <= tree


def test_what_a_public_signature_mentions_is_public() -> None:
    foreign = {"Any", "ChannelCredentials", "Iterable", "Mapping", "None", "Path", "Sequence"}
    known = {*python_client.__all__, *foreign, "Array", "Shape"}  # an ndarray, a tuple
    for name in CLASSES:
        for _, member in inspect.getmembers(getattr(python_client, name)):
            if inspect.isfunction(member) and not member.__name__.startswith("_"):
                for annotation in map(str, inspect.get_annotations(member).values()):
                    assert set(re.findall(r"\b[A-Z]\w+", annotation)) <= known


@pytest.mark.parametrize("name", python_client.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    value = getattr(python_client, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        said = value.__doc__ or ""
        assert said.strip()
        assert not said.startswith(f"{name}(")  # what a dataclass writes where nobody else did
    elif name != "__version__":
        assert name in _documented_assignments()


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_method_has_a_docstring(name: str) -> None:
    cls = getattr(python_client, name)
    for method, value in vars(cls).items():
        if not method.startswith("_") and (
            inspect.isfunction(value) or isinstance(value, property)
        ):
            assert value.__doc__


@pytest.mark.parametrize("name", CLASSES)
def test_the_help_of_a_class_is_one_screen(name: str) -> None:
    page = pydoc.plain(pydoc.render_doc(getattr(python_client, name))).splitlines()
    own = next((n for n, line in enumerate(page) if "inherited from" in line), len(page))
    assert own <= LONGER.get(name, SCREEN)


def _is_error(value: object) -> bool:
    return (
        inspect.isclass(value)
        and issubclass(value, Exception)
        and value.__module__ == errors.__name__
    )


def _documented_assignments() -> set[str]:
    """Return the names in the package that a string follows, as documents an alias."""
    names = set()
    for file in Path(python_client.__path__[0]).rglob("*.py"):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        for statement, behind in itertools.pairwise(body):
            if isinstance(statement, ast.AnnAssign) and isinstance(behind, ast.Expr):
                names.add(ast.unparse(statement.target))
    return names
