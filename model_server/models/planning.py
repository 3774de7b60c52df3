"""The versions of one model: which are wanted, which exist, and what has to happen next.

Pure bookkeeping: nothing here loads, waits or locks. The catalog holds its lock around every call
but :meth:`ModelVersions.look`, which reads the disk.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from model_server.models.configs import ModelConfig
from model_server.models.storage import find_versions
from model_server.models.versions import State, Version

logger = logging.getLogger(__name__)

# Ended versions stay visible in GetModelStatus, but not without bound.
_REMEMBERED_ENDED_VERSIONS = 100


class Finding(NamedTuple):
    """What was on disk, and for which configuration it was looked for."""

    config: ModelConfig
    versions: Mapping[int, Path]


@dataclass
class Plan:
    """What has to happen for a model to become what its configuration wants."""

    load: list[Version] = field(default_factory=list)
    unload: list[Version] = field(default_factory=list)


class ModelVersions:
    """One model's versions by number.

    Attributes:
        config: What is wanted.
        versions: Version by number, also those that failed or ended.
        wanted: Numbers that shall be served, from the last look at the disk.
    """

    def __init__(self, config: ModelConfig) -> None:
        """Begin without versions."""
        self.config = config
        self.versions: dict[int, Version] = {}
        self.wanted: set[int] = set()
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

    def plan(self, finding: Finding | None, now: float) -> Plan:
        """Take note of what is on disk and tell what has to happen.

        A version that is no longer wanted stays while no wanted one is available (TensorFlow
        Serving's availability-preserving policy).

        Args:
            finding: The last look; None when there was none.
            now: ``time.monotonic()``, for failed loads that are due again.
        """
        plan = Plan()
        if finding is not None and finding.config is self.config:
            self._want(finding.versions, plan)
        keep_old = bool(self.wanted) and not any(
            number in self.versions and self.versions[number].state is State.AVAILABLE
            for number in self.wanted
        )
        for number, version in self.versions.items():
            if number in self.wanted:
                if version.retry_at is not None and version.retry_at <= now:
                    plan.load.append(version)
            elif version.retry_at is not None:  # nobody waits for it any more
                version.retry_at = None
                version.state = State.END
            elif version.state is State.AVAILABLE and not keep_old:
                plan.unload.append(version)
        self._forget_ended()
        return plan

    def _want(self, found: Mapping[int, Path], plan: Plan) -> None:
        before, self.wanted = self.wanted, self.config.policy.choose(found)
        for number in sorted(self.wanted, reverse=True):
            version = self.versions.get(number)
            # A version that failed is loaded anew only when it came back after it was gone.
            if version is None or (
                version.state is State.END and (version.error is None or number not in before)
            ):
                version = Version(self.config.name, number, found[number])
                self.versions[number] = version
                plan.load.append(version)

    def _forget_ended(self) -> None:
        ended = sorted(n for n, v in self.versions.items() if v.state is State.END)
        for number in ended[:-_REMEMBERED_ENDED_VERSIONS]:
            if number not in self.wanted:
                del self.versions[number]

    def available(self) -> dict[int, Version]:
        """Return the versions that take calls."""
        return {n: v for n, v in self.versions.items() if v.state is State.AVAILABLE}

    def has_ended(self) -> bool:
        """Tell whether nothing of this model is loaded or about to be."""
        return all(version.state is State.END for version in self.versions.values())

    def failures(self) -> list[str]:
        """Describe why no wanted version can load; empty while one can, or none is known."""
        tried = [self.versions[number] for number in self.wanted if number in self.versions]
        errors = [(v, v.error) for v in tried if v.state is State.END and v.error]
        if len(errors) < len(tried):
            return []
        return [f"{version} due to error: {error.message}" for version, error in errors]
