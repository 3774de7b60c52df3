"""Looking at a store: who lives is judged by the real file, a copy stays as it is, damage is told.

The judges are the operating system (links, mounts, rights), SQLite's own shell, which backs up and
damages files, and PostgreSQL's own ``pg_dump``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command as alembic_command
from alembic.config import Config

from export.errors import LineageError, SettingsError
from export.lineage import database, upgrade
from export.lineage.schema import Status
from export.lineage.store import Store
from tests.lineage.rows import FIRST, row
from tests.needs import find_postgresql
from tests.running import PATIENCE_S

REPO = Path(__file__).resolve().parents[2]
SECOND = "0b5e0f5d-0000-4000-8000-000000000002"
Start = Callable[..., subprocess.Popen[str]]


class Live:
    """A run that runs, in a process of its own, in ``MODELS/lineage.db``."""

    def __init__(self, writer: Start, models: Path) -> None:
        self.file = models / "lineage.db"
        self.process = writer(f"sqlite:///{self.file}", "hold")
        assert self.process.stdout
        self.model_id = self.process.stdout.readline().strip()

    def seen_from(self, file: Path) -> tuple[Status, Status]:
        """Return its status as somebody sees it who lists, then as a training does that begins."""
        url = f"sqlite:///{file}"
        listed = Store.open(url, create=False).experiment(self.model_id).status
        return Status(listed), Status(Store.open(url).experiment(self.model_id).status)

    def end(self) -> None:
        _, err = self.process.communicate("done\n", timeout=PATIENCE_S)
        assert self.process.returncode == 0, err


@pytest.fixture
def live(writer: Start, tmp_path: Path) -> Live:
    return Live(writer, tmp_path / "models")


def test_a_live_run_is_running_by_whatever_name_its_store_is_looked_at(
    live: Live, tmp_path: Path
) -> None:
    """One story: a look through each name, and the run ends as published."""
    for folder in ("b", "c"):
        (tmp_path / folder).mkdir()
    link, folder_link = tmp_path / "b" / "link.db", tmp_path / "folder"
    link.symlink_to(live.file)
    folder_link.symlink_to(live.file.parent, target_is_directory=True)
    hard = tmp_path / "c" / "hard.db"
    hard.hardlink_to(live.file)
    for name in (live.file, link, folder_link / "lineage.db", hard):
        assert live.seen_from(name) == (Status.RUNNING, Status.RUNNING), name
    live.end()
    for name in (live.file, link, hard):
        assert live.seen_from(name)[0] == Status.PUBLISHED, name
    assert not list(live.file.with_name("lineage.db.runs").iterdir())


def test_a_dead_run_is_told_through_a_link_and_not_guessed_through_a_hard_link(
    live: Live, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "b").mkdir()
    hard, link = tmp_path / "b" / "hard.db", tmp_path / "b" / "link.db"
    hard.hardlink_to(live.file)
    link.symlink_to(live.file)
    live.process.send_signal(signal.SIGKILL)
    live.process.wait()
    assert live.seen_from(hard) == (Status.RUNNING, Status.RUNNING), "nothing here proves it"
    assert "2 names (hard links)" in caplog.text
    store = Store.open(f"sqlite:///{hard}", create=False)
    assert store.unjudged(store.experiments()) == [live.model_id]
    assert live.seen_from(link)[0] == Status.CRASHED


_MOUNTED = """
set -e
mount --bind "$1" "$2"
if [ "$3" = read-only ]; then mount -o remount,bind,ro "$2"; fi
shift 3
exec "$@"
"""
_STATUSES = """
import sys
from export.lineage.store import Store
for create in sys.argv[2:]:
    for run in Store.open(sys.argv[1], create=create == "training").experiments():
        print(run.status)
"""


def statuses_mounted(source: Path, there: Path, file: Path, *who: str, how: str = "") -> Any:
    """Ask for the runs of a store in a place of its own, which only that process sees.

    Args:
        source: A folder or file that is mounted.
        there: Where.
        file: The store, below ``there``.
        who: ``training`` writes, ``list`` reads.
        how: ``read-only`` or as the source is.
    """
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNTED, "sh"]
    python = [sys.executable, "-c", _STATUSES, f"sqlite:///{file}", *who]
    done = subprocess.run(
        [*unshare, str(source), str(there), how, *python],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        timeout=PATIENCE_S,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_live_run_is_running_through_another_mount(live: Live, tmp_path: Path, what: str) -> None:
    """As a container sees it that was given the folder, or the file alone."""
    there = tmp_path / "mounted"
    source, file = live.file.parent, there / "lineage.db"
    if what == "folder":
        there.mkdir()
    else:
        there.touch()
        source, file = live.file, there
    done = statuses_mounted(source, there, file, "list", "training")
    assert done.stdout.split() == ["running", "running"], done.stderr


def test_a_run_that_was_marked_crashed_is_taken_back_when_it_ends(live: Live) -> None:
    """As by an older release, or a host that was cut off."""
    with sqlite3.connect(live.file) as connection:
        connection.execute("UPDATE experiments SET status='crashed', error='killed'")
    live.end()
    found = Store.open(f"sqlite:///{live.file}").experiment(live.model_id)
    assert (found.status, found.error) == (Status.PUBLISHED, "")


def sqlite_shell(file: Path, statement: str) -> None:
    """Run a statement in SQLite's own shell."""
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("not installed: sqlite3 (Debian: apt-get install sqlite3)")
    subprocess.run([shell, str(file), statement], check=True, timeout=PATIENCE_S)


def contents(folder: Path) -> dict[str, str]:
    """Return what lies in a folder: each file's digest and time."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() + str(path.stat().st_mtime_ns)
            if path.is_file()
            else "folder"
        )
        for path in sorted(folder.rglob("*"))
    }


def test_listing_a_copy_changes_nothing_in_it(live: Live, tmp_path: Path) -> None:
    """A backup by SQLite's shell, and the whole folder copied, of a store with a live run."""
    backup = tmp_path / "backup"
    backup.mkdir()
    sqlite_shell(live.file, f".backup {backup / 'lineage.db'}")
    copied = tmp_path / "copied"
    shutil.copytree(live.file.parent, copied)
    for folder in (backup, copied):
        before = contents(folder)
        store = Store.open(f"sqlite:///{folder / 'lineage.db'}", create=False)
        runs = store.experiments()
        assert [run.status for run in runs] == [Status.RUNNING]
        assert store.unjudged(runs) == [live.model_id]
        assert contents(folder) == before
    # Nor does a training that begins in the copy judge a run whose lock is elsewhere.
    store = Store.open(f"sqlite:///{copied / 'lineage.db'}")
    assert store.experiment(live.model_id).status == Status.RUNNING
    live.end()


def test_a_restored_dump_judges_no_run_of_the_original(postgres: Any, writer: Start) -> None:
    url, copy = postgres.make_database(), postgres.make_database()
    process = writer(url, "hold")
    assert process.stdout
    model_id = process.stdout.readline().strip()
    programs = find_postgresql()
    assert programs
    dump = subprocess.run(
        [programs / "pg_dump", url], capture_output=True, check=True, timeout=PATIENCE_S
    )
    subprocess.run(
        [programs / "psql", "--quiet", copy],
        input=dump.stdout,
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=PATIENCE_S,
    )
    store = Store.open(copy)
    assert store.experiment(model_id).status == Status.RUNNING
    assert store.unjudged(store.experiments()) == [model_id]
    assert Store.open(url).experiment(model_id).status == Status.RUNNING
    process.communicate("done\n", timeout=PATIENCE_S)
    assert Store.open(url).experiment(model_id).status == Status.PUBLISHED


def old_store(file: Path, *, with_log: bool = False) -> None:
    """Make a store as the first schema had it, with a run that is running."""
    parsed = database.parse(f"sqlite:///{file}")
    engine = database.connect(parsed, create=True)[0]
    config = Config()
    config.set_main_option("script_location", str(upgrade.MIGRATIONS))
    with engine.execution_options(writing=True).begin() as connection:
        config.attributes["connection"] = connection
        alembic_command.upgrade(config, "0001")
        carried = row(status=Status.RUNNING).to_json()
        columns = {
            name: value
            for name, value in carried.items()
            if name not in ("resumed_from", "store_identity", "copies") and value is not None
        }
        columns = {n: "{}" if isinstance(v, dict) else v for n, v in columns.items()}
        columns["created_at"] = "2026-11-25 03:00:00.000000"
        names, values = ", ".join(columns), ", ".join(f"'{value}'" for value in columns.values())
        statement = f"INSERT INTO experiments ({names}) VALUES ({values})"  # noqa: S608  # ours
        connection.exec_driver_sql(statement)
    if with_log:
        with sqlite3.connect(file) as connection:
            assert connection.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)


def test_an_older_store_is_read_as_it_is_and_upgraded_by_who_writes(tmp_path: Path) -> None:
    file = tmp_path / "lineage.db"
    old_store(file, with_log=True)
    locks = tmp_path / "lineage.db.runs"
    locks.mkdir(exist_ok=True)
    (locks / FIRST).touch()  # its process is gone
    before = file.read_bytes()
    found = Store.open(f"sqlite:///{file}", create=False).experiment(FIRST)
    assert (found.status, found.copies) == (Status.RUNNING, None)
    assert file.read_bytes() == before
    assert Store.open(f"sqlite:///{file}").experiment(FIRST).status == Status.CRASHED
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_store_that_cannot_be_written_is_read_and_a_crash_in_it_is_told(
    live: Live, tmp_path: Path
) -> None:
    there = tmp_path / "mounted"
    there.mkdir()
    where = (live.file.parent, there, there / "lineage.db")
    assert statuses_mounted(*where, "list", how="read-only").stdout == "running\n"
    live.process.kill()
    live.process.wait()
    done = statuses_mounted(*where, "list", how="read-only")
    assert done.stdout == "running\n", done.stderr
    assert "a run crashed, which the store does not say: it cannot be written" in done.stderr


def test_an_older_store_with_a_log_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    (models := tmp_path / "models").mkdir()
    (there := tmp_path / "mounted").mkdir()
    old_store(models / "lineage.db", with_log=True)
    done = statuses_mounted(models, there, there / "lineage.db", "list", how="read-only")
    assert done.stdout == "running\n", done.stderr


def test_a_database_server_that_lets_only_read_is_read(postgres: Any) -> None:
    url = postgres.make_database()
    Store.open(url).save(row())
    name = url.rpartition("/")[2]
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert Store.open(url, create=False).experiment(FIRST).seed == 0
    with pytest.raises(LineageError, match="read-only transaction"):
        Store.open(url).save(row(seed=2))


def test_a_writer_that_was_killed_in_the_middle_leaves_what_was_before(tmp_path: Path) -> None:
    """Its journal is beside the file: whoever looks next puts the file right."""
    file = tmp_path / "lineage.db"
    Store.open(f"sqlite:///{file}").save(row(error="before"))
    killed = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size=1'); c.execute('PRAGMA cache_spill=1'); c.execute('BEGIN')\n"
        "c.execute('UPDATE experiments SET error = hex(zeroblob(200000))')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(file)], check=False, timeout=PATIENCE_S)
    assert file.with_name("lineage.db-journal").stat().st_size > 0
    assert Store.open(f"sqlite:///{file}", create=False).experiment(FIRST).error == "before"


@pytest.fixture
def two_runs(tmp_path: Path) -> Path:
    file = tmp_path / "lineage.db"
    store = Store.open(f"sqlite:///{file}")
    store.save(row())
    store.save(row(model_id=SECOND))
    return file


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("created_at", "'yesterday'", "Invalid isoformat string"),
        ("settings", "'{\"epochs\": '", "Expecting value"),
        ("settings", "'[1]'", "settings holds [1], which is no dict"),
        ("metrics", "'not JSON'", "Expecting value"),
        ("seed", "'zero'", "seed holds 'zero', which is no int"),
        ("final_accuracy", "'high'", "final_accuracy holds 'high', which is no float"),
        ("copies", "'{}'", "copies holds {}, which is no list"),
    ],
)
def test_a_damaged_cell_is_a_sentence_and_the_other_rows_are_there(
    two_runs: Path, column: str, value: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    change = f"{column}={value} WHERE model_id='{SECOND}'"
    sqlite_shell(two_runs, f"UPDATE experiments SET {change}")  # noqa: S608  # ours
    store = Store.open(f"sqlite:///{two_runs}", create=False)
    assert [run.model_id for run in store.experiments()] == [FIRST]
    assert f"the row {SECOND}" in caplog.text
    assert said in caplog.text
    with pytest.raises(LineageError, match="holds a row that is damaged"):
        store.experiment(SECOND)
    assert store.experiment(FIRST).seed == 0


def test_damaged_pages_are_a_sentence(two_runs: Path) -> None:
    whole = bytearray(two_runs.read_bytes())
    whole[4096:] = os.urandom(len(whole) - 4096)
    two_runs.write_bytes(whole)
    with pytest.raises(LineageError, match=r"cannot be used: .*malformed"):
        Store.open(f"sqlite:///{two_runs}", create=False).experiments()


def test_an_empty_file_and_anothers_database_are_sentences(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(LineageError, match=r"empty\.db is empty: no run was ever put on record"):
        Store.open(f"sqlite:///{empty}", create=False)
    assert empty.stat().st_size == 0
    others = tmp_path / "others.db"
    with sqlite3.connect(others) as connection:
        connection.execute("CREATE TABLE photographs (name TEXT)")
    before = others.read_bytes()
    with pytest.raises(LineageError, match="a database without a table of runs"):
        Store.open(f"sqlite:///{others}", create=False)
    assert others.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me@db:54x2/runs", "no number"),
        ("postgresql://me@db:0/runs", "names the port 0; ports are from 1 to 65535"),
        ("postgresql://me@db:99999/runs", "names the port 99999; ports are from 1 to 65535"),
        ("sqlite:///runs.db?mode=ro", "named by its path alone"),
    ],
)
def test_a_bad_address_is_a_sentence(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Store.open(url)
