"""A small data set from photographs that scikit-image ships, for when there is none at hand.

Brick, grass and gravel, each one photograph of 512x512 pixels, cut into 64 tiles that do not
overlap. Three classes a person can check at a glance, without a download. Tiles of one photograph
resemble each other more than two photographs do, so the accuracy says that the pipeline works, not
how well a model would know gravel elsewhere.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from skimage import data

_TILE = 64  # pixels


def write_data_set(directory: Path, classes: int = 3) -> Path:
    """Write ``directory/<class>/<row>_<column>.jpg``.

    Args:
        directory: Where to write; made if missing, files there are replaced.
        classes: 2 or 3 of brick, grass and gravel.

    Returns:
        ``directory``.
    """
    pictures = {"brick": data.brick, "grass": data.grass, "gravel": data.gravel}
    for name, load in list(pictures.items())[:classes]:
        folder = directory / name
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(load()).convert("RGB")
        for top in range(0, picture.height, _TILE):
            for left in range(0, picture.width, _TILE):
                tile = picture.crop((left, top, left + _TILE, top + _TILE))
                tile.save(folder / f"{top // _TILE}_{left // _TILE}.jpg", quality=92)
    return directory


if __name__ == "__main__":
    import sys

    print(write_data_set(Path(sys.argv[1])))  # noqa: T201
