"""A classifier's answers read as ``Classification`` values."""

from __future__ import annotations

from collections.abc import Mapping

from python_client._answers.classification import Classification
from python_client._image_models.image_model import ImageModel
from python_client.tensors import Array
from serving_config.tensor_names import CLASSES, LOGITS, PROBABILITIES


class ClassificationModel(ImageModel[Classification]):
    """A contract read as a classifier's."""

    TOOLKIT_CONTRACT = "classifier"
    OUTPUTS = (PROBABILITIES, CLASSES, LOGITS)

    def read(
        self, outputs: Mapping[str, Array], key: str, rows: int, version: int | None
    ) -> list[Classification]:
        """Turn one answer into a classification for each image."""
        self.check_rows(outputs, key, rows)
        names = self._class_names(outputs[CLASSES], key)
        best = outputs[PROBABILITIES].argmax(axis=1)
        return [
            Classification(
                label=names[best[row]],
                probability=float(outputs[PROBABILITIES][row, best[row]]),
                probabilities=dict(zip(names, outputs[PROBABILITIES][row].tolist(), strict=True)),
                logits=dict(zip(names, outputs[LOGITS][row].tolist(), strict=True)),
                version=version,
            )
            for row in range(rows)
        ]

    def _class_names(self, classes: Array, key: str) -> list[str]:
        first = classes[0].tolist()
        try:
            names = [name.decode("utf-8") for name in first]
        except UnicodeDecodeError as err:
            raise self.unreadable(key, f"class names in UTF-8, received {first}") from err
        if not names or len(set(names)) != len(names):
            raise self.unreadable(key, f"a different name for each class, received {names}")
        if not (classes == classes[0]).all():
            raise self.unreadable(key, "the same class names in every row, received others")
        return names
