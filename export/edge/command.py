"""``python -m export tflite``: a published version in, measured TFLite files out."""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export import staging
from export.edge import checks, edge_contract
from export.edge.errors import AccuracyLossError, EdgeError
from export.errors import ExportError, SettingsError
from export.kinds import kind_of
from export.publish import check_place
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.contract import Contract
from signature_contract.version_files import CONTRACT_FILE, EXTRA, GOLDEN_FILE, extra

log = logging.getLogger(__name__)

REPORT_FILE = "report.json"


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.edge.arguments`."""
    if not 0 <= arguments.max_accuracy_loss <= 1:
        raise SettingsError(
            f"--max-accuracy-loss must be a share from 0 to 1, received "
            f"{arguments.max_accuracy_loss:g} (0.02 is two points)"
        )
    if arguments.representative_images < 1:
        raise SettingsError(
            f"--representative-images must be at least 1, received "
            f"{arguments.representative_images}"
        )
    return run(
        arguments.model,
        arguments.out,
        list(dict.fromkeys(arguments.form)),
        arguments.data,
        arguments.max_accuracy_loss,
        arguments.representative_images,
    )


def run(
    version: Path,
    out: Path,
    forms: Sequence[str],
    data: Path | None,
    max_accuracy_loss: float,
    representative_images: int,
) -> dict[str, Any]:
    """Convert, verify, measure and place one version.

    Args:
        version: ``MODELS/<model>/<version>``, published by this toolkit.
        out: The files go to ``out/<model>/<version>``.
        forms: Of :data:`export.edge.arguments.FORMS`.
        data: See :func:`export.edge.photographs.choose`.
        max_accuracy_loss: The limit, a share of the photographs.
        representative_images: How many at most for int8's ranges.

    Returns:
        The report that is printed and written beside the files.

    Raises:
        ExportError: Nothing was written; the message says why.
    """
    started = time.monotonic()
    version = version.resolve()
    contract = _published(version)
    target = _target(out, contract.model, version)
    edge = kind_of(contract.model).edge()
    chosen = edge.choose(version, contract.class_names, data, representative_images)
    narrowed = edge.narrow(contract, int(version.name))
    with staging.beside(target.parent) as folder:
        (folder / CONTRACT_FILE).write_text(narrowed.to_json(), encoding="utf-8")
        cases = edge_contract.golden_cases(golden.load(version, contract), narrowed)
        golden.save(folder / GOLDEN_FILE, cases, contract)
        files = edge.write(version, narrowed, forms, chosen.representative, folder)
        distances = {
            form: checks.verify(form, file, folder, version) for form, file in files.items()
        }
        measured = checks.compare(version, contract, files, chosen.evaluation)
        report = {
            "model": contract.model,
            "version": int(version.name),
            "path": str(target),
            **_figures(version, files, distances, measured),
            "data": chosen.source,
            "representative_images": len(chosen.representative) if "int8" in forms else 0,
            "max_accuracy_loss": max_accuracy_loss,
            "seconds": round(time.monotonic() - started, 1),
        }
        _check_loss(report, max_accuracy_loss)
        (folder / REPORT_FILE).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        _place(folder, target)
    return report


def _published(version: Path) -> Contract:
    if importlib.util.find_spec("ai_edge_litert") is None:
        raise SettingsError(
            "LiteRT is not installed, which checks every file that is written: "
            "pip install 'vision-forge[edge]'"
        )
    if not (version / "saved_model.pb").is_file() or not version.name.isdecimal():
        raise ExportError(
            f"no published version at {version}: expected MODELS/<model>/<number> with a "
            "saved_model.pb, as python -m export classifier makes it"
        )
    if not (extra(version, GOLDEN_FILE)).is_file():
        raise ExportError(
            f"{version} carries no golden vectors ({EXTRA}/{GOLDEN_FILE}), so no file "
            "made from it could be checked; publish it with this toolkit's exporter"
        )
    return contracts.load(version)


def _target(out: Path, model: str, version: Path) -> Path:
    target = out.resolve() / model / version.name
    if target.exists():
        raise EdgeError(
            f"{target} exists, and files in use are never overwritten. "
            "Remove it, or name another --out"
        )
    check_place(target.parent)
    return target


def _place(folder: Path, target: Path) -> None:
    try:
        staging.place(folder, target)
    except FileExistsError as err:
        raise EdgeError(
            f"{target} was made by another process meanwhile; nothing was written"
        ) from err


def _figures(
    version: Path,
    files: Mapping[str, Path],
    distances: Mapping[str, Mapping[str, float | None]],
    measured: Mapping[str, Any],
) -> dict[str, Any]:
    """Lay the original's and every form's figures side by side."""
    runtimes = measured["runtimes"]
    original = {k: v for k, v in runtimes["original"].items() if k not in ("lost", "gained")}
    accuracy = original["accuracy"]
    return {
        "original": {"bytes": (version / "saved_model.pb").stat().st_size, **original},
        "forms": {
            form: {
                "file": file.name,
                "bytes": file.stat().st_size,
                **runtimes[form],
                "accuracy_loss": round(accuracy - runtimes[form]["accuracy"], 6),
                "max_distance": distances[form],
            }
            for form, file in files.items()
        },
        "images": measured["images"],
        "skipped": measured["skipped"],
        "calls": measured["calls"],
        "pinned_to_one_core": measured["pinned_to_one_core"],
    }


def _check_loss(report: Mapping[str, Any], limit: float) -> None:
    over = {f: v for f, v in report["forms"].items() if not v["accuracy_loss"] <= limit}
    if not over:
        return
    lines = "\n".join(
        f"  - {form}: {v['accuracy']:.4f} instead of {report['original']['accuracy']:.4f}, "
        f"{v['accuracy_loss']:.4f} lower{_in_images(v, report['images'])}"
        for form, v in over.items()
    )
    within = [form for form in report["forms"] if form not in over]
    advice = f"--form {' '.join(within)} keeps within it" if within else "no form keeps within it"
    raise AccuracyLossError(
        f"nothing was written; over the limit of {limit:g} (--max-accuracy-loss):\n"
        f"{lines}\n{advice}"
    )


def _in_images(figures: Mapping[str, Any], images: int) -> str:
    """Say a classifier's loss in images; a detector's mean average precision has none."""
    if "lost" not in figures:
        return " (mean average precision)"
    return f" ({figures['lost']} of {images} images lost, {figures['gained']} gained)"
