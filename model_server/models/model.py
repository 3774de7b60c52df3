"""One model: its configuration, and its versions by number.

Bookkeeping alone: nothing here loads, waits or locks. Whoever changes it holds the registry's lock,
but for :meth:`Model.look`, which reads the disk.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from model_server.models.configs import ModelConfig
from model_server.models.planning import VersionSnapshot, make_plan
from model_server.models.states import State
from model_server.models.storage import find_versions
from model_server.models.version import Version

logger = logging.getLogger(__name__)


class Finding(NamedTuple):
    """What was on disk, and for which configuration it was looked for."""

    config: ModelConfig
    versions: Mapping[int, Path]


class Steps(NamedTuple):
    """What threads have to do for a model to become what its configuration says, in this order."""

    load: list[Version]
    unload: list[Version]


class Model:
    """One model's versions.

    Attributes:
        config: What its configuration says.
        versions: Version by number, also those that failed or ended.
        aspired: Numbers that shall be served, from the last look at the disk.
    """

    def __init__(self, config: ModelConfig) -> None:
        """Begin without versions."""
        self.config = config
        self.versions: dict[int, Version] = {}
        self.aspired: frozenset[int] = frozenset()
        self._problem = ""  # the last thing said about its base path, so that it is said once

    def look(self) -> Finding | None:
        """Read the base path; None when it cannot be read, which changes nothing."""
        config = self.config
        problem = ""
        found: dict[int, Path] | None = None
        try:
            found = find_versions(config.base_path)
            missing = sorted(config.policy.numbers - set(found))
            if not found:
                problem = f"no versions of model {config.name} below {config.base_path}"
            elif missing:
                problem = (
                    f"model {config.name} shall serve versions {missing}, which are not below "
                    f"{config.base_path}"
                )
        except OSError as err:
            problem = (
                f"the base path {config.base_path} of model {config.name} cannot be listed: "
                f"{err.strerror or err}; its versions stay as they are"
            )
        if problem and problem != self._problem:
            logger.warning("%s", problem)
        self._problem = problem
        return None if found is None else Finding(config, found)

    def plan(self, finding: Finding | None, now: float) -> Steps:
        """Take note of what is on disk and tell what has to happen.

        Args:
            finding: The last look; None when there was none.
            now: ``time.monotonic()``, for failed loads that are due again.
        """
        before = None
        paths: Mapping[int, Path] = {}
        if finding is not None and finding.config is self.config:
            before, paths = self.aspired, finding.versions
            self.aspired = frozenset(self.config.policy.choose(paths))
        snapshots = {
            number: VersionSnapshot(version.state, version.error is not None, version.retry_at)
            for number, version in self.versions.items()
        }
        plan = make_plan(snapshots, self.aspired, before, now)
        for number in plan.create:
            self.versions[number] = Version(self.config.name, number, paths[number])
        for number in plan.give_up:
            self.versions[number].retry_at = None
            self.versions[number].state = State.END
        load = [self.versions[number] for number in (*plan.create, *plan.retry)]
        unload = [self.versions[number] for number in plan.unload]
        for number in plan.forget:
            del self.versions[number]
        return Steps(load, unload)

    def available(self) -> dict[int, Version]:
        """Return the versions that take calls."""
        return {n: v for n, v in self.versions.items() if v.state is State.AVAILABLE}

    def has_ended(self) -> bool:
        """Tell whether nothing of this model is loaded or about to be."""
        return all(version.state is State.END for version in self.versions.values())

    def failures(self) -> list[str]:
        """Describe why no aspired version can load; empty while one can, or none is known."""
        tried = [self.versions[number] for number in self.aspired if number in self.versions]
        errors = [(v, v.error) for v in tried if v.state is State.END and v.error]
        if len(errors) < len(tried):
            return []
        return [f"{version} due to error: {error.message}" for version, error in errors]
