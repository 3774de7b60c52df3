"""``classify`` and ``predict``: what may be passed, what is sent, what comes back."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

import protos
from python_client import (
    AnswerError,
    ContractBrokenError,
    InputError,
    VisionClient,
    tensors,
)
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import contract as contracts


@pytest.fixture
def client(target: str, published_copy: Path) -> Iterator[VisionClient]:
    with VisionClient(target, contract=published_copy) as client:
        yield client


def picture(red: int, height: int = 4, width: int = 5) -> np.ndarray[Any, Any]:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[0, 0, 0] = red
    return pixels


def seen(answers: list[Any]) -> list[float]:
    """What the scripted model saw of each picture."""
    return [answer.logits["dog"] + 100 for answer in answers]


def test_one_file(client: VisionClient) -> None:
    (answer,) = client.classify(b"file\x65")  # 0x65 = 101, so a logit of 1
    assert answer.label == "dog"
    assert answer.probability == pytest.approx(1 / (1 + math.exp(-1)), abs=1e-6)


def test_each_class_has_a_probability_and_a_logit(client: VisionClient) -> None:
    (answer,) = client.classify(b"\x65")
    assert list(answer.probabilities) == ["cat", "dog"]
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.logits == {"cat": 0.0, "dog": 1.0}


def test_the_version_that_answered_is_known(client: VisionClient) -> None:
    (answer,) = client.classify(b"\x65")
    assert answer.version == 7


def test_a_classification_shows_its_classes_likeliest_first(client: VisionClient) -> None:
    (answer,) = client.classify(b"\x65")
    assert repr(answer) == "<Classification dog 0.7311, cat 0.2689>"


def test_the_likeliest_classes_can_be_had_alone(client: VisionClient) -> None:
    (answer,) = client.classify(b"\x65")
    assert answer.top(1) == [("dog", answer.probability)]


def test_a_file_is_sent_as_it_is(client: VisionClient, serving: Any) -> None:
    client.classify(b"file\x65")
    (request,) = serving.requests
    assert request.model_spec.name == "classifier"
    assert request.model_spec.signature_name == "serving_bytes"
    assert list(request.inputs["image_bytes"].string_val) == [b"file\x65"]


def test_several_files_share_one_call(client: VisionClient, serving: Any) -> None:
    assert seen(client.classify([b"\x01", bytearray(b"\x02"), memoryview(b"\x03")])) == [1, 2, 3]
    assert len(serving.requests) == 1


def test_one_array_and_a_batch(client: VisionClient, serving: Any) -> None:
    assert seen(client.classify(picture(9))) == [9]
    assert seen(client.classify(np.stack([picture(3), picture(4)]))) == [3, 4]
    assert [list(tensors.decode(r.inputs["input_tensor"]).shape) for r in serving.requests] == [
        [1, 4, 5, 3],
        [2, 4, 5, 3],
    ]


def test_pictures_of_several_sizes_and_files_keep_their_order(
    client: VisionClient, serving: Any
) -> None:
    mixed = [picture(1), picture(2, 8, 8), b"\x03", picture(4), b"\x05", picture(6, 8, 8)]
    assert seen(client.classify(mixed)) == [1, 2, 3, 4, 5, 6]
    assert len(serving.requests) == 3  # two sizes and the files


def test_batch_size_splits(client: VisionClient, serving: Any) -> None:
    assert seen(client.classify([bytes([n]) for n in range(5)], batch_size=2)) == [0, 1, 2, 3, 4]
    assert [len(r.inputs["image_bytes"].string_val) for r in serving.requests] == [2, 2, 1]
    serving.requests.clear()
    batch = np.stack([picture(n) for n in range(5)])
    assert seen(client.classify(batch, batch_size=2)) == [0, 1, 2, 3, 4]
    sizes = [r.inputs["input_tensor"].tensor_shape.dim[0].size for r in serving.requests]
    assert sizes == [2, 2, 1]
    with pytest.raises(InputError, match="batch_size of at least 1, received 0"):
        client.classify(batch, batch_size=0)


def test_no_pictures_no_call(client: VisionClient, serving: Any) -> None:
    assert client.classify([]) == []
    assert client.classify(np.zeros((0, 4, 4, 3), np.uint8)) == []
    assert serving.requests == []


def test_a_classification_is_a_value(client: VisionClient) -> None:
    (answer,) = client.classify(b"\x65")
    assert answer == client.classify(b"\x65")[0]
    assert pickle.loads(pickle.dumps(answer)) == answer  # noqa: S301
    with pytest.raises(TypeError):
        answer.probabilities["cat"] = 1.0


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 5, 3), np.float32), r"uint8 \[-1, -1, -1, 3\], found float32 \[1, 4, 5, 3\]"),
        (np.zeros((4, 5, 3), np.float32), r"send uint8 pixels 0\.\.255 as they are"),
        (np.zeros((2, 3, 8, 9), np.uint8), r"found uint8 \[2, 3, 8, 9\][\s\S]*moveaxis"),
        (np.zeros((4, 5, 4), np.uint8), "drop the alpha channel"),
        (np.zeros((4, 5, 1), np.uint8), "repeat the grey channel"),
        (np.zeros((4, 5), np.uint8), r"\[height, width, 3\], received uint8 \[4, 5\][\s\S]*stack"),
        (np.frombuffer(b"encoded", np.uint8), r"tobytes\(\)"),
        (np.zeros((0, 5, 3), np.uint8), "height and a width of at least 1"),
        ([b"file", np.zeros((2, 4, 5, 3), np.uint8)], "image 1: expected pixels"),
        ([b"file", b""], "image 1: .*received no bytes"),
        ("cat.jpg", r"received str 'cat.jpg'[\s\S]*read_bytes"),
        (Path("cat.jpg"), "read_bytes"),
        ([1, 2], "image 0: .*received int"),
        (7, "received int"),
    ],
)
def test_what_cannot_be_a_picture_is_not_sent(
    client: VisionClient, serving: Any, images: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        client.classify(images)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert serving.requests == []


def test_pillow_images_get_a_hint(client: VisionClient) -> None:
    image = pytest.importorskip("PIL.Image").new("RGB", (3, 2))
    with pytest.raises(InputError, match=r'np\.asarray\(image\.convert\("RGB"\)\)'):
        client.classify([image])


def test_classes_in_another_order_are_noticed_in_every_answer(
    client: VisionClient, serving: Any
) -> None:
    client.classify(b"\x01")
    serving.classes = ["dog", "cat"]  # a new version, trained with sorted(…, reverse=True)
    with pytest.raises(ContractBrokenError, match=r"class order: expected \['cat', 'dog'\]") as e:
        client.classify(b"\x01")
    assert e.value.model == "classifier"
    assert len(e.value.differences) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda outputs: outputs.pop("logits"),
            r'"logits": expected float32 \[-1, 2\], found nothing .*: classes, p.*-missing',
        ),
        (
            lambda outputs: outputs["probabilities"].CopyFrom(
                tensors.encode(np.zeros((1, 2), np.float64))
            ),
            r'"probabilities": .*found float64 \[1, 2\] \[answer-form\]',
        ),
        (
            lambda outputs: outputs["logits"].CopyFrom(
                tensors.encode(np.zeros((1, 3), np.float32))
            ),
            r'"logits": .*found float32 \[1, 3\] \[answer-form\]',
        ),
        (
            lambda outputs: outputs["logits"].tensor_shape.dim.add(size=4),
            r'output "logits": expected 32 bytes',
        ),
    ],
)
def test_an_answer_that_is_not_the_contracts(
    client: VisionClient, serving: Any, change: Any, message: str
) -> None:
    def predict(request: Any, context: Any) -> Any:
        answer = serving.model_answer(request, context)
        change(answer.outputs)
        return answer

    serving.predict = predict
    with pytest.raises(AnswerError, match=message) as caught:
        client.classify(b"\x01")
    assert caught.value.signature == "serving_bytes"


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([["cat", "dog"], ["dog", "cat"]], "same class names in every row"),
        ([["cat", "cat"]] * 2, "a different name for each class"),
        ([[b"cat", b"\xff"]] * 2, "class names in UTF-8"),
    ],
)
def test_class_names_that_mean_nothing(
    target: str, client: VisionClient, serving: Any, classes: list[list[Any]], message: str
) -> None:
    def predict(request: Any, context: Any) -> Any:
        answer = serving.model_answer(request, context)
        names = tensors.encode(tensors.as_array(classes, "string"))
        answer.outputs["classes"].CopyFrom(names)
        return answer

    serving.predict = predict
    with (
        VisionClient(target) as without_class_names,
        pytest.raises(AnswerError, match=message),
    ):
        without_class_names.classify([b"\x01", b"\x02"])
    with pytest.raises(ContractBrokenError, match=r"\[class-order\]"):
        client.classify([b"\x01", b"\x02"])


def test_an_answer_without_classes(target: str, serving: Any) -> None:
    def predict(request: Any, context: Any) -> Any:  # noqa: ARG001
        answer = protos.PredictResponse()
        for name, dtype in (("probabilities", "f4"), ("logits", "f4"), ("classes", "O")):
            answer.outputs[name].CopyFrom(tensors.encode(np.zeros((1, 0), dtype)))
        return answer

    serving.predict = predict
    with VisionClient(target) as client, pytest.raises(AnswerError, match=r"received \[\]"):
        client.classify(b"\x01")


def test_an_answer_for_fewer_pictures_than_asked(client: VisionClient, serving: Any) -> None:
    serving.predict = lambda request, context: serving.answer_with([1.0])  # noqa: ARG005
    with pytest.raises(AnswerError, match="2 images, received 1"):
        client.classify([b"\x01", b"\x02"])


def spoil_probabilities(serving: Any, *values: float) -> None:
    """Let the server answer the second class's logit 1 with these probabilities."""

    def predict(request: Any, context: Any) -> Any:  # noqa: ARG001
        answer = serving.answer_with([1.0])
        spoilt = tensors.encode(np.array([values], np.float32))
        answer.outputs["probabilities"].CopyFrom(spoilt)
        return answer

    serving.predict = predict


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((0.25, 1.75), r"1.75 at \[0, 1\] \(what exists: 2 values, 0.25 to 1.75\)"),
        ((-0.25, 0.75), r"-0.25 at \[0, 0\] \(what exists: 2 values, -0.25 to 0.75\)"),
        ((float("nan"), 1), r"nan at \[0, 0\] \(what exists: 2 values, 1 to 1, 1 NaN\)"),
    ],
)
def test_an_answer_outside_its_range_is_refused(
    client: VisionClient, serving: Any, values: tuple[float, ...], found: str
) -> None:
    spoil_probabilities(serving, *values)
    for key, ask in (
        ("serving_bytes", lambda: client.classify(b"\x01")),
        ("serving_default", lambda: client.predict({"input_tensor": picture(1)[None]})),
    ):
        expected = f'{key} output "probabilities": expected values from 0 to 1, found {found}'
        with pytest.raises(AnswerError, match=expected) as caught:
            ask()
        assert caught.value.signature == key


def test_what_rounding_does_to_a_probability_is_accepted(
    client: VisionClient, serving: Any
) -> None:
    spoil_probabilities(serving, -1e-7, 1.0000001)
    (answer,) = client.classify(b"\x01")
    assert answer.probability == pytest.approx(1)


def test_without_a_contract_no_range_is_known(target: str, serving: Any) -> None:
    spoil_probabilities(serving, 0, 7)
    with VisionClient(target, model="nobody_knows_me") as client:
        outputs = client.predict({"input_tensor": picture(1)[None]})
    assert outputs["probabilities"].tolist() == [[0, 7]]


def test_an_input_outside_its_range_is_not_sent(
    target: str, serving: Any, contract: contracts.Contract
) -> None:
    document = json.loads(contract.to_json())
    document["signatures"]["serving_default"]["inputs"]["input_tensor"]["range"] = [0, 9]
    with VisionClient(target, contract=contracts.loads(json.dumps(document))) as client:
        with pytest.raises(InputError) as caught:
            client.predict({"input_tensor": picture(200)[None]})
        client.predict({"input_tensor": picture(9)[None]})
    assert (
        'serving_default input "input_tensor": expected values from 0 to 9, found 200 at '
        "[0, 0, 0, 0] (what exists: 60 values, 0 to 200)"
    ) in str(caught.value)
    assert len(caught.value.differences) == len(serving.requests) == 1


def test_version_and_label_are_sent(client: VisionClient, serving: Any) -> None:
    client.classify(b"\x01", version=3)
    client.classify(b"\x01", version_label="stable")
    assert serving.requests[0].model_spec.version.value == 3
    assert serving.requests[1].model_spec.version_label == "stable"
    with pytest.raises(InputError, match="received both: 3 and 'stable'"):
        client.classify(b"\x01", version=3, version_label="stable")


def test_predict_returns_arrays(client: VisionClient) -> None:
    outputs = client.predict({"input_tensor": picture(101)[np.newaxis]})
    assert sorted(outputs) == ["classes", "logits", "probabilities"]
    assert outputs["logits"].dtype == np.float32
    assert outputs["logits"].tolist() == [[0.0, 1.0]]
    assert outputs["classes"].tolist() == [[b"cat", b"dog"]]


def test_predict_asks_for_the_wanted_outputs_alone(client: VisionClient, serving: Any) -> None:
    client.predict({"image_bytes": [b"a\0"]}, "serving_bytes", output_filter=["logits"])
    assert list(serving.requests[-1].output_filter) == ["logits"]


def test_predict_sends_bytes_as_they_are(client: VisionClient, serving: Any) -> None:
    client.predict({"image_bytes": [b"a\0"]}, "serving_bytes")
    assert list(serving.requests[-1].inputs["image_bytes"].string_val) == [b"a\0"]


def test_predict_takes_lists(client: VisionClient, serving: Any) -> None:
    client.predict({"input_tensor": [[[[1, 2, 3]]]]})
    sent = tensors.decode(serving.requests[0].inputs["input_tensor"])
    assert sent.dtype == np.uint8
    assert sent.tolist() == [[[[1, 2, 3]]]]


@pytest.mark.parametrize(
    ("inputs", "arguments", "message"),
    [
        ({"image": [b"x"]}, {"signature": "serving_bytes"}, r'"image_bytes": .*exists: image\)'),
        ({"image_bytes": b"x"}, {"signature": "serving_bytes"}, r"found string \[\]"),
        ({"image_bytes": b"x"}, {"signature": "serving_bytes"}, "batch axis is missing"),
        ({"input_tensor": [b"x"]}, {}, "encoded files belong to another signature"),
        ({"input_tensor": picture(1)}, {}, r"np\.newaxis\] has shape \[1, 4, 5, 3\]"),
        ({"input_tensor": picture(1)[None] / 255}, {}, "found float64"),
        ({"input_tensor": [[[[300, 0, 0]]]]}, {}, r"values in 0\.\.255, received 0\.\.300"),
        ({"image_bytes": picture(1)}, {"signature": "serving_bytes"}, "encoded file itself"),
        ({}, {"signature": "serving"}, r"found 'serving' .*exists: serving_default, serving_by"),
        (
            {"input_tensor": picture(1)[None]},
            {"output_filter": ["logit"]},
            r"received 'logit' .*exists: probabilities, classes, logits",
        ),
    ],
)
def test_tensors_that_contradict_the_contract_are_not_sent(
    client: VisionClient, serving: Any, inputs: Any, arguments: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        client.predict(inputs, **arguments)
    assert serving.requests == []


def test_a_model_without_contract_is_sent_what_it_is_given(target: str, serving: Any) -> None:
    def predict(request: Any, context: Any) -> Any:  # noqa: ARG001
        answer = protos.PredictResponse()
        answer.outputs["y"].CopyFrom(request.inputs["x"])
        return answer

    serving.predict = predict
    with VisionClient(target, model="toy") as client:
        assert client.contract is None
        x = np.array([1.5, 2.5], np.float32)
        np.testing.assert_array_equal(client.predict({"x": x})["y"], x)
        assert client.predict({"x": "text"})["y"] == b"text"
        with pytest.raises(InputError, match='contract="classifier"'):
            client.classify(b"\x01")
        with pytest.raises(InputError, match="there is none"):
            client.check_contract()


def test_the_toolkits_contract_is_found_by_the_models_name(target: str) -> None:
    with VisionClient(target) as client:
        assert client.contract == toolkit_contract("classifier")
    with VisionClient(target, model="cats", contract="classifier") as client:
        assert seen(client.classify(b"\x05")) == [5]
    with pytest.raises(contracts.ContractFileError, match="no contract at"):
        VisionClient(target, contract="nowhere.json")


def test_a_contract_that_is_no_classifiers(target: str, contract: Any) -> None:
    only_bytes = contracts.Contract(
        "other", {"serving_bytes": contract.signatures["serving_bytes"]}
    )
    with (
        VisionClient(target, contract=only_bytes) as client,
        pytest.raises(InputError, match='contract "other" to have a signature for pixels'),
    ):
        client.classify(b"\x01")
