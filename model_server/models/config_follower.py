"""``--model_config_file_poll_wait_seconds``: the models follow their file."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from model_server.errors import ServingError, UsageError
from model_server.models.catalog import Catalog
from model_server.models.config_file import read_model_config_messages

logger = logging.getLogger(__name__)

# How long a new model is waited for before the file is looked at again.
_RELOAD_WAIT_S = 60.0


class ConfigFollower:
    """Puts the file into force again and again, as TensorFlow Serving does.

    Also when it is unchanged: a label whose version was not there is assigned once it is, and a
    list that came by HandleReloadConfigRequest meanwhile gives way to the file's.
    """

    def __init__(self, catalog: Catalog, path: Path, period_s: float) -> None:
        """Create a follower; :meth:`start` begins.

        Args:
            catalog: The models.
            path: A ``ModelServerConfig``.
            period_s: Time between looks in seconds.
        """
        self._catalog = catalog
        self._path = path
        self._period_s = period_s
        self._said = ""

    def start(self) -> None:
        """Follow the file until the process ends."""
        threading.Thread(target=self._follow, name="config", daemon=True).start()

    def _follow(self) -> None:
        while True:
            time.sleep(self._period_s)
            try:
                messages = read_model_config_messages(self._path)
                if self._catalog.reload(messages, deadline_s=_RELOAD_WAIT_S):
                    self._say(logging.INFO, f"{self._path} changed and is in force")
                self._said = ""
            except UsageError as err:
                self._say(logging.ERROR, f"the models stay as they are: {err}")
            except ServingError as err:
                self._say(logging.ERROR, f"{self._path}: {err.code.name}: {err.message}")
            except Exception:
                logger.exception("%s cannot be put into force; it is tried again", self._path)

    def _say(self, level: int, text: str) -> None:
        """Log what has not just been logged: the same mistake is met at every look."""
        if text != self._said:
            logger.log(level, "%s", text)
        self._said = text
