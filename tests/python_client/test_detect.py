"""``detect``: what is sent, what comes back, and which answers are refused."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import protos
from python_client import (
    AnswerError,
    AsyncVisionClient,
    Box,
    ContractBrokenError,
    Detection,
    InputError,
    VisionClient,
    tensors,
)
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract.contract import Contract
from tests.running import PATIENCE_S

ROWS = 3  # most detections of a picture
Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture
def contract() -> Contract:
    """The detector's contract as a published version of cats and dogs carries it."""
    return toolkit_contract("detector").bind(["cat", "dog"], N=ROWS)


@pytest.fixture
def answer(serving: Any) -> Callable[..., None]:
    """``answer(**changes)``: let the server find a dog and a cat, in every picture alike.

    With as many detections as the last byte of the picture says. ``changes`` replace outputs of
    the first picture.
    """

    def install(**changes: Any) -> None:
        def predict(request: Any, context: Any) -> Any:  # noqa: ARG001
            (tensor,) = request.inputs.values()
            batch = tensors.decode(tensor)
            outputs = found([x[-1] if batch.dtype == object else int(x.flat[-1]) for x in batch])
            for name, value in changes.items():
                if value is None:
                    del outputs[name]
                else:
                    outputs[name] = np.asarray(value, getattr(value, "dtype", np.float32))
            message = protos.PredictResponse()
            message.model_spec.version.value = 7
            for name, array in outputs.items():
                message.outputs[name].CopyFrom(tensors.encode(array))
            return message

        serving.predict = predict

    install()
    return install


def found(counts: list[int]) -> Arrays:
    """The outputs for pictures with these numbers of detections, padded as the graph pads."""
    kept = np.arange(ROWS) < np.array(counts)[:, None]
    boxes = np.array([[0.25, 0.5, 0.75, 1], [0, 0, 0.125, 0.125], [0, 0, 1, 1]], np.float32)
    return {
        "detection_boxes": boxes * kept[..., None].astype(np.float32),
        "detection_scores": np.array([0.75, 0.5, 0.25], np.float32) * kept.astype(np.float32),
        "detection_classes": np.array([2, 1, 2], np.float32) * kept.astype(np.float32),
        "num_detections": np.array(counts, np.float32),
    }


@pytest.fixture
def client(
    target: str, published_copy: Path, answer: Callable[..., None]
) -> Iterator[VisionClient]:
    del answer  # the server answers as a detector from the start
    with VisionClient(target, model="detector", contract=published_copy) as client:
        yield client


def test_one_file(client: VisionClient) -> None:
    (picture,) = client.detect(b"file\x02")
    assert list(picture) == [
        Detection("dog", 2, 0.75, Box(0.25, 0.5, 0.75, 1.0)),
        Detection("cat", 1, 0.5, Box(0.0, 0.0, 0.125, 0.125)),
    ]


def test_the_version_that_answered_is_known(client: VisionClient) -> None:
    (picture,) = client.detect(b"\x02")
    assert picture.version == 7


def test_detections_show_their_scores_and_one_its_box(client: VisionClient) -> None:
    (picture,) = client.detect(b"\x02")
    assert repr(picture) == "<Detections dog 0.7500, cat 0.5000>"
    assert repr(picture[0]) == "<Detection dog 0.7500 [0.250, 0.500, 0.750, 1.000]>"


def test_detections_can_be_sliced(client: VisionClient) -> None:
    (picture,) = client.detect(b"\x02")
    assert picture[:1] == (picture[0],)


def test_a_file_is_sent_as_it_is(client: VisionClient, serving: Any) -> None:
    client.detect(b"file\x02")
    (request,) = serving.requests
    assert request.model_spec.name == "detector"
    assert request.model_spec.signature_name == "serving_bytes"
    assert list(request.inputs["image_bytes"].string_val) == [b"file\x02"]


def test_files_and_pixels_of_several_sizes_keep_their_order(
    client: VisionClient, serving: Any
) -> None:
    one, three = np.full((4, 5, 3), 1, np.uint8), np.full((8, 8, 3), 3, np.uint8)
    answers = client.detect([b"\x02", one, three, b"\x00", one])
    assert [len(picture) for picture in answers] == [2, 1, 3, 0, 1]
    assert len(serving.requests) == 3
    assert [len(a) for a in client.detect(np.stack([one] * 3), batch_size=2)] == [1, 1, 1]
    assert client.detect([]) == []


def test_nothing_found_is_an_answer(client: VisionClient) -> None:
    (picture,) = client.detect(b"\x00")
    assert not picture
    assert repr(picture) == "<Detections none>"


def test_min_score(client: VisionClient, serving: Any) -> None:
    assert [len(client.detect(b"\x03", min_score=s)[0]) for s in (0, 0.5, 0.51, 1)] == [3, 2, 1, 0]
    serving.requests.clear()
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match=f"a min_score of 0 to 1, received {wrong}"):
            client.detect(b"\x03", min_score=wrong)
    assert serving.requests == []


def test_asyncio(target: str, published_copy: Path, answer: Any, serving: Any) -> None:
    del answer
    pictures = [np.full((size, 4, 3), size, np.uint8) for size in (1, 2, 3, 1)]

    async def scenario() -> list[Any]:
        async with AsyncVisionClient(target, model="detector", contract=published_copy) as client:
            return await client.detect(pictures, min_score=0.4, timeout_s=PATIENCE_S)

    answers = asyncio.run(scenario())
    assert [len(picture) for picture in answers] == [1, 2, 2, 1]
    assert len(serving.requests) == 3


def test_values(client: VisionClient) -> None:
    (picture,) = client.detect(b"\x02")
    assert picture == client.detect(b"\x02")[0]
    assert pickle.loads(pickle.dumps(picture)) == picture  # noqa: S301
    assert len({picture, client.detect(b"\x02")[0]}) == 1


def test_a_box_in_pixels() -> None:
    box = Box(0.25, 0.5, 0.75, 1.0)
    assert box.pixels(height=100, width=40) == (25, 20, 75, 40)
    assert Box(0.125, 0.3, 0.375, 0.35).pixels(4, 10) == (1, 3, 2, 4)  # halves go up
    with pytest.raises(ValueError, match="at least 1, received 0, 40"):
        box.pixels(0, 40)


def test_classes_without_names(target: str, answer: Any) -> None:
    del answer
    with VisionClient(target, model="detector") as client:
        (picture,) = client.detect(b"\x02")
    assert [one.label for one in picture] == ["unnamed class 2", "unnamed class 1"]


def row(*values: float) -> np.ndarray[Any, Any]:
    return np.array([values], np.float32)


def boxes(*edges: float) -> np.ndarray[Any, Any]:
    return np.array([[edges] * ROWS], np.float32)


def test_what_rounding_does_to_a_box_is_accepted(
    client: VisionClient, answer: Callable[..., None]
) -> None:
    answer(detection_boxes=boxes(-1e-7, 0, 1, 1.0000001))
    (found,) = client.detect(b"file\x01")
    assert (found[0].box.ymin, found[0].box.xmax) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_detections": None}, r'"num_detections": expected float32 \[-1\], found nothing'),
        ({"num_detections": np.array([2], np.int32)}, r"found int32 \[1\] \[answer-form\]"),
        ({"num_detections": [1.5]}, r'"num_detections" to count 0 to 3 rows, received \[1.5\]'),
        ({"num_detections": [4]}, r"count 0 to 3 rows, received \[4.0\]"),
        ({"num_detections": [-1]}, r"count 0 to 3 rows, received \[-1.0\]"),
        ({"num_detections": [float("nan")]}, r"count 0 to 3 rows, received \[nan\]"),
        ({"num_detections": [1, 1]}, "an answer for 1 images, received 1 and 2"),
        ({"detection_scores": row(0.9, 0.8)}, r'"detection_scores": .*found float32 \[1, 2\]'),
        ({"detection_boxes": row(0, 0, 1)}, r'"detection_boxes": .*found float32 \[1, 3\]'),
        ({"detection_scores": row(0.5, 0.75, 0)}, "in descending order"),
        ({"detection_scores": row(1.5, 0.75, 0)}, r"values from 0 to 1, found 1.5 at \[0, 0\] "),
        ({"detection_scores": row(0.5, np.nan, 0)}, r"values from 0 to 1, found nan at \[0, 1\] "),
        ({"detection_classes": row(0, 1, 0)}, "whole class numbers from 1, received 0.0"),
        ({"detection_classes": row(1, 1.5, 0)}, "whole class numbers from 1, received 1.5"),
        ({"detection_classes": row(np.inf, 1, 0)}, "whole class numbers from 1, received inf"),
        (
            {"detection_boxes": boxes(0, 0, 1, 1.25)},
            r"values from 0 to 1, found 1.25 .*output-range",
        ),
        ({"detection_boxes": boxes(0.5, 0, 0.25, 1)}, r"ymin <= ymax .*received \[0.5, 0.0"),
        (
            {"detection_boxes": boxes(0, np.nan, 1, 1)},
            r"values from 0 to 1, found nan .*output-range",
        ),
    ],
)
def test_an_answer_that_is_not_the_contracts(
    client: VisionClient, answer: Callable[..., None], changes: dict[str, Any], message: str
) -> None:
    answer(**changes)
    with pytest.raises(AnswerError, match=message) as caught:
        client.detect(b"\x02")
    assert caught.value.signature == "serving_bytes"


def test_padding_is_not_read(client: VisionClient, answer: Callable[..., None]) -> None:
    answer(detection_scores=row(0.75, np.nan, 9), detection_classes=row(1, 99, -1))
    assert [one.label for one in client.detect(b"\x01")[0]] == ["cat"]


def test_more_classes_than_the_contract_names(
    client: VisionClient, answer: Callable[..., None]
) -> None:
    answer(detection_classes=row(1, 3, 0))
    with pytest.raises(ContractBrokenError, match="expected classes 1 to 2, found class 3") as e:
        client.detect(b"\x02")
    assert e.value.differences[0].available == ("cat", "dog")


def test_what_is_no_detector(target: str, serving: Any) -> None:
    with (
        VisionClient(target, model="classifier") as client,
        pytest.raises(InputError, match=r'"classifier" to have .*outputs detection_boxes, .*'),
    ):
        client.detect(b"\x01")
    with (
        VisionClient(target, model="detector") as client,
        pytest.raises(InputError, match=r'"detector" to have .*outputs probabilities, .*'),
    ):
        client.classify(b"\x01")
    with (
        VisionClient(target, model="toy") as client,
        pytest.raises(InputError, match='contract="detector"'),
    ):
        client.detect(b"\x01")
    assert serving.requests == []


def test_check_contract_needs_no_picture(client: VisionClient, serving: Any) -> None:
    assert client.check_contract().version == 7
    assert len(serving.requests) == 1
