"""Real containers without a registry: a stand-in for the base image, and an engine of our own.

``Dockerfile.serving`` starts from TensorFlow Serving's official image, which is not to be had
everywhere. What its instructions need of it is a file system with bash and a program at
``/usr/bin/tensorflow_model_server``. The stand-in is no more than that, so whatever else our
scripts used would be missed: not even ``cat`` is there. Its program is the embedded server, run by
this interpreter; interpreter, packages and checkout are mounted read-only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.running import PATIENCE_S

REPO = Path(__file__).resolve().parents[2]
PROGRAM = "/usr/bin/tensorflow_model_server"
INTERPRETER = Path(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info))
"""Python itself, not an environment's."""


class Engine:
    """Images and containers below one folder, apart from whatever else this machine has.

    Args:
        folder: An empty folder with a short path, since sockets are made below it.
    """

    def __init__(self, folder: Path) -> None:
        """Remember the place."""
        self._place = [
            "--storage-driver=vfs",
            f"--root={folder}/storage",
            f"--runroot={folder}/run",
        ]
        self._names: list[str] = []

    def buildah(self, *arguments: str | Path) -> str:
        """Run buildah; returns what it printed.

        Raises:
            subprocess.CalledProcessError: It failed; the output is in the note.
        """
        return _run(["buildah", *self._place, *map(str, arguments)])

    def podman(self, *arguments: str | Path) -> str:
        """Run podman; returns what it printed.

        Raises:
            subprocess.CalledProcessError: It failed; the output is in the note.
        """
        return _run([*self._podman(), *map(str, arguments)])

    def try_podman(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run podman, whatever comes of it."""
        command = [*self._podman(), *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def start(
        self, name: str, image: str, *options: str, mounts: Mapping[str, str] | None = None
    ) -> int:
        """Start a container without any network but its own loopback.

        Args:
            name: The container's.
            image: What it runs.
            options: podman's.
            mounts: Source by target; None is what the stand-in for TensorFlow Serving needs.

        Returns:
            The process id of its process 1, as this machine counts.
        """
        self._names.append(name)
        limits = ["--ulimit=nofile=10000:10000", "--ulimit=nproc=10000:10000"]
        places = _mounts() if mounts is None else mounts
        volumes = [f"--volume={source}:{target}:ro" for target, source in places.items()]
        self.podman(
            *("run", "--detach", f"--name={name}", "--network=none", "--read-only-tmpfs=false"),
            *(*limits, *volumes, *options, image),
        )
        return int(self.podman("inspect", name, "--format={{.State.Pid}}"))

    def close(self) -> None:
        """Remove every container and image."""
        for name in self._names:
            self.try_podman("rm", "--force", "--time=0", name)
        self.buildah("rm", "--all")
        self.buildah("rmi", "--all", "--force")

    def _podman(self) -> list[str]:
        # crun, the default, fails under hybrid cgroups; without systemd there is no other manager.
        return ["podman", *self._place, "--runtime=runc", "--cgroup-manager=cgroupfs"]


def make_python_base(engine: Engine, folder: Path, image: str) -> None:
    """Make the stand-in for an official image of Python: this interpreter, mounted, and a shell.

    Arguments are those of :func:`make_base`. Packages installed below ``/usr/local`` are found, as
    in the official image, whose interpreter lives there.
    """
    _make_root(folder, "/bin/bash", *map(_program, ("sed", "rm")))
    (folder / "bin" / "sh").symlink_to("bash")
    python = folder / "usr/local/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/bash\nexec "{INTERPRETER}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    base = engine.buildah("from", "scratch").strip()
    engine.buildah("copy", base, folder, "/")
    packages = "/usr/local/lib/python{}.{}/site-packages".format(*sys.version_info)
    path = "/usr/local/bin:/usr/bin:/bin"
    engine.buildah("config", f"--env=PYTHONPATH={packages}", f"--env=PATH={path}", base)
    engine.buildah("commit", base, f"docker.io/library/{image}")


def make_base(engine: Engine, folder: Path, image: str) -> None:
    """Make the stand-in for TensorFlow Serving's image.

    Args:
        engine: Where the image goes.
        folder: Where its files are put together; must not exist.
        image: The name that the Dockerfile asks for.
    """
    bash = "/bin/bash"
    _make_root(folder, bash)
    program = folder / PROGRAM.removeprefix("/")
    program.write_text(
        f'#!{bash}\ncd "{REPO}" && exec "{sys.executable}" -m model_server "$@"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    base = engine.buildah("from", "scratch").strip()
    engine.buildah("copy", base, folder, "/")
    engine.buildah("commit", base, f"docker.io/{image}")


def _make_root(folder: Path, *programs: str) -> None:
    """Make a root file system of some programs of this machine and the libraries that they need."""
    for name in ("dev", "etc", "proc", "sys", "tmp", "usr/bin"):
        (folder / name).mkdir(parents=True)
    (folder / "tmp").chmod(0o1777)
    for name in ("bin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            (folder / name).symlink_to(Path("/", name).readlink())
            (folder / "usr" / name).mkdir(exist_ok=True)
    libraries = re.findall(r"(/\S+) \(0x", "".join(_run(["ldd", one]) for one in programs))
    for source in {*programs, *libraries, "/etc/ld.so.cache"}:
        target = folder / source.removeprefix("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"{name} is not here"
    return found


def inside(process: int, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a Python command of ours in the network of a container."""
    network = ["nsenter", f"--net=/proc/{process}/ns/net", "--", sys.executable]
    return subprocess.run(
        [*network, *map(str, command)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def _mounts() -> dict[str, str]:
    """What the stand-in's program needs of this machine: source by target.

    Folders that the image has files of its own in, as /usr/local/bin, stay the image's.
    """
    base = sys.base_prefix
    places = {"/usr/lib", f"{base}/lib", str(REPO), str(Path(sys.prefix).resolve())}
    mounts = {place: place for place in sorted(places)}
    mounts[sys.prefix] = str(Path(sys.prefix).resolve())
    link = Path(sys.executable)
    while link.is_symlink():  # from the environment's python to the program itself
        link = Path(os.path.normpath(link.parent / link.readlink()))
        if not link.is_relative_to(Path(sys.prefix).resolve()):
            mounts[str(link)] = str(link.resolve())
    return {target: source for target, source in mounts.items() if not _is_below(target, mounts)}


def _is_below(target: str, mounts: dict[str, str]) -> bool:
    parents = [other for other in mounts if other != target and Path(target).is_relative_to(other)]
    return any(mounts[other] == other for other in parents) and mounts[target] == target


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        error = subprocess.CalledProcessError(done.returncode, command)
        error.add_note(done.stdout + done.stderr)
        raise error
    return done.stdout
