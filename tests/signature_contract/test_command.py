"""``vision-contract`` as a script and a CI server see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest

from signature_contract.rules import CHANGE_RULES, CHECK_RULES
from tests.running import PATIENCE_S, REPO, free_ports
from tests.signature_contract.fixtures import Held, vision_contract
from tests.signature_contract.test_diffing import contract_files

__all__ = ["contract_files"]

Hold = Callable[[str], Held]


@pytest.fixture
def broken(held: Hold, tmp_path: Path) -> tuple[Path, Path]:
    """A model, and a contract that wants one of its outputs under another name."""
    mine = held("several")
    text = mine.contract.read_text(encoding="utf-8").replace('"total"', '"sum"')
    contract = tmp_path / "several.json"
    contract.write_text(text, encoding="utf-8")
    return mine.model, contract


def test_text_names_rule_and_cure(broken: tuple[Path, Path]) -> None:
    model, contract = broken
    ran = vision_contract("check", model, "--contract", contract, "--static")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        f'{model} breaks the contract of "several"',
        '  - weigh output "sum": expected it to be there, found nothing (what exists: total, used) '
        "[output-missing]",
        "    Return it from the signature's function.",
        '  - weigh output "total": expected only sum, used, found one more [output-unknown]',
        "    Write it into the contract, or leave it out of what the function returns.",
        "  warnings:",
        "  - golden answers: expected some to compare with, found none: the model was not run "
        "[no-golden-answers]",
        "  13 things checked, no golden answers",
    ]


def test_rules_can_be_left_out(broken: tuple[Path, Path]) -> None:
    model, contract = broken
    words = ("check", model, "--contract", contract, "--static")
    left_out = ("--ignore", "output-missing", "--ignore", "output-unknown")
    assert vision_contract(*words, *left_out).code == 0
    assert vision_contract(*words, *left_out[:2]).code == 1


def test_a_rule_that_is_none_is_refused(broken: tuple[Path, Path]) -> None:
    model, contract = broken
    ran = vision_contract("check", model, "--contract", contract, "--ignore", "output-mising")
    assert ran.code == 2
    assert "output-missing" in ran.err


def test_junit_has_a_test_for_each_thing(broken: tuple[Path, Path], tmp_path: Path) -> None:
    model, contract = broken
    report = tmp_path / "report.xml"
    words = ("--static", "--format", "junit", "--output", report)
    assert vision_contract("check", model, "--contract", contract, *words).code == 1
    suite = ElementTree.parse(report).getroot()  # noqa: S314  # we wrote it
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("13", "2", "0")
    failed = {case.get("name"): case.find("failure") for case in suite if len(case)}
    failure = failed["rule output-missing"]
    assert failure is not None
    assert failure.get("type") == "output-missing"
    assert 'weigh output "sum"' in str(failure.text)


def test_github_gets_annotations(broken: tuple[Path, Path]) -> None:
    model, contract = broken
    words = ("--static", "--format", "github")
    ran = vision_contract("check", model, "--contract", contract, *words)
    file = str(contract).replace(":", "%3A").replace(",", "%2C")
    assert ran.out.splitlines()[0] == (
        f"::error file={file},title=contract of several%3A output-missing::weigh output "
        '"sum": expected it to be there, found nothing (what exists: total, used) [output-missing]'
    )


def test_what_cannot_be_told_ends_with_2(tmp_path: Path, held: Hold) -> None:
    mine = held("several")
    nothing = tmp_path / "nothing.json"
    for words in (
        ("check", mine.model, "--contract", nothing),
        ("check", tmp_path / "no_model", "--contract", mine.contract),
        ("check", mine.model, "--contract", mine.contract, "--golden", nothing),
        ("diff", nothing, mine.contract),
        ("init", tmp_path, "--out", tmp_path / "a.json"),
        ("record", mine.model, "--contract", mine.contract, "--requests", nothing),
        ("record", mine.model, "--contract", mine.contract, "--tolerance", "total"),
        ("record", mine.model, "--contract", mine.contract, "--tolerance", "nobody=1"),
    ):
        ran = vision_contract(*words)
        assert ran.code == 2, words
        assert ran.err.startswith("vision-contract: "), ran.err
        assert "Traceback" not in ran.err


def test_nothing_is_replaced_unasked(held: Hold, tmp_path: Path) -> None:
    out = tmp_path / "several.json"
    out.write_text("mine", encoding="utf-8")
    ran = vision_contract("init", held("several").model, "--out", out)
    assert (ran.code, out.read_text(encoding="utf-8")) == (2, "mine")
    assert "replace it with --force" in ran.err
    assert vision_contract("init", held("several").model, "--out", out, "--force").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["several.json"]


def test_diff_tells_whom_it_breaks(contract_files: tuple[Path, Path]) -> None:
    ran = vision_contract("diff", *contract_files)
    assert ran.code == 1
    assert ran.out.splitlines()[:3] == [
        "breaking for callers or servers:",
        '  - serving_default input "pixels": uint8 [-1, 8, 8, 3] became uint8 [-1, -1, 8, 3] '
        "[input-size-freed]",
        "    Old callers send a size that is accepted; the old model accepts no other.",
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--against", "callers"], 1),
        (["--against", "callers", "--ignore", "output-removed"], 0),
        (["--against", "servers"], 1),
        (["--against", "servers", "--ignore", "input-size-freed"], 0),
    ],
)
def test_diff_fails_for_the_side_that_it_is_asked_about(
    contract_files: tuple[Path, Path], words: list[str], code: int
) -> None:
    ran = vision_contract("diff", *contract_files, *words, "--format", "json")
    assert ran.code == code
    assert json.loads(ran.out)["ok"] is (code == 0)


def test_diff_compares_models_too(held: Hold) -> None:
    ran = vision_contract("diff", held("several").model, held("defaults").model)
    assert ran.code == 1
    assert "[signature-removed]" in ran.out


def test_rules_are_listed() -> None:
    out = vision_contract("rules").out
    for rule in (*CHECK_RULES, *CHANGE_RULES):
        assert f"  {rule}: " in out


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({names}))  # importing them fails
from signature_contract.command_line.main import main
sys.exit(main(sys.argv[1:]))
"""


def without(names: set[str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.replace("{names}", repr(names)), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPO,
        timeout=PATIENCE_S,
    )


def test_reading_comparing_and_printing_need_neither_tensorflow_nor_numpy(
    held: Hold, contract_files: tuple[Path, Path], tmp_path: Path
) -> None:
    mine = held("several")
    foreign = {"tensorflow", "numpy", "keras", "grpc"}
    began = without(foreign, "init", mine.model, "--out", tmp_path / "a.json")
    assert began.returncode == 0, began.stderr
    compared = without(foreign, "diff", *contract_files)
    assert compared.returncode == 1, compared.stderr
    assert "[output-removed]" in compared.stdout
    static = without(foreign, "check", mine.model, "--contract", mine.contract, "--static")
    assert static.returncode == 0, static.stderr


def test_without_tensorflow_a_model_is_not_run_and_not_passed(held: Hold) -> None:
    mine = held("several")
    ran = without({"tensorflow"}, "check", mine.model, "--contract", mine.contract)
    assert ran.returncode == 2
    assert "tensorflow is not installed, and is needed to run a SavedModel" in ran.stderr
    assert "--static" in ran.stderr


def test_a_pipe_and_a_link_stay_what_they_are(broken: tuple[Path, Path], tmp_path: Path) -> None:
    model, contract = broken
    link, target = tmp_path / "link.json", tmp_path / "target.json"
    target.write_text("", encoding="utf-8")
    link.symlink_to(target)
    words = ("check", model, "--contract", contract, "--static", "--format", "json")
    assert vision_contract(*words, "--output", link).code == 1
    assert link.is_symlink()
    assert json.loads(target.read_text(encoding="utf-8"))["ok"] is False
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        assert vision_contract(*words, "--output", pipe).code == 1
        assert json.loads(read.result())["ok"] is False
    assert pipe.is_fifo()


PLUGIN = ("-p", "no:cacheprovider", "-q", "--rootdir", ".", "-c", "/dev/null")


def run_pytest(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGIN, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONPATH": str(REPO)},
        timeout=PATIENCE_S,
    )


def test_a_project_keeps_its_own_options(tmp_path: Path, held: Hold) -> None:
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--model')\n    parser.addoption('--contract')\n"
    )
    (tmp_path / "test_mine.py").write_text(
        "def test_mine(request):\n    assert request.config.getoption('model') is None\n"
    )
    assert "1 passed" in run_pytest(tmp_path).stdout
    mine = held("several")
    words = ("--contract-file", mine.contract, "--contract-model", mine.model, "--contract-static")
    assert "14 passed" in run_pytest(tmp_path, *words).stdout


def test_pytest_takes_a_warning_for_one(held: Hold, tmp_path: Path) -> None:
    mine = held("several")
    ran = run_pytest(
        tmp_path, "--contract", mine.contract, "--model", mine.model, "--contract-static"
    )
    assert "13 passed, 1 warning" in ran.stdout
    assert "[no-golden-answers]" in ran.stdout


def test_pytest_asks_a_server_that_is_not_there_once(held: Hold, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    words = ("--contract", held("several").contract, "--model", f"127.0.0.1:{port}/several")
    ran = run_pytest(tmp_path, *words, "--contract-static", "-n", "2")
    assert ran.returncode == 1
    assert "UNAVAILABLE" in ran.stdout
    assert "INTERNALERROR" not in ran.stdout
    nothing = run_pytest(tmp_path, "--contract", "nothing.json", "--model", "nothing", "-n", "2")
    assert nothing.returncode == pytest.ExitCode.USAGE_ERROR
    assert "INTERNALERROR" not in nothing.stdout + nothing.stderr
