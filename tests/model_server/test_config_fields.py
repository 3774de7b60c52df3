"""Every field of every configuration message is honoured, refused, or warned about: one table."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

import protos
from model_server.errors import ServingError, UsageError
from model_server.models import config_file
from model_server.models.configs import validate
from model_server.text_format import reading
from model_server.text_format.field_treatments import FIELDS, Honoured, Ignored, Refused

# What is read from a file that a flag names.
ROOTS = (
    protos.ModelServerConfig,
    protos.PlatformConfigMap,
    protos.BatchingParameters,
    protos.MonitoringConfig,
    protos.SSLConfig,
)


def fields(descriptor: Any) -> Iterator[tuple[str, Any]]:
    """Yield each field below a message with its full name; wrappers and Any are values."""
    for field in descriptor.fields:
        yield field.full_name, field
        inner = field.message_type
        if inner is not None and inner.file.package != "google.protobuf":
            yield from fields(inner)


def test_the_table_has_every_field_and_no_other() -> None:
    there = {name for root in ROOTS for name, _ in fields(root.DESCRIPTOR)}
    assert there == set(FIELDS)


def set_text(field: Any) -> str:
    """Return text format that sets a field to something that is not its default."""
    if field.message_type is None:
        if field.enum_type is not None:
            return f"{field.name}: {field.enum_type.values[1].name}"
        text = {field.CPPTYPE_STRING: "'x'", field.CPPTYPE_BOOL: "true"}.get(field.cpp_type, "1")
        return f"{field.name}: {text}"
    wrapped = field.message_type.fields_by_name.get("value")
    if field.message_type.file.package == "google.protobuf" and field.message_type.name != "Any":
        return f"{field.name} {{ {set_text(wrapped)} }}"
    return f"{field.name} {{ }}"


IGNORED = [
    (root, field)
    for root in ROOTS
    for name, field in fields(root.DESCRIPTOR)
    if isinstance(FIELDS.get(name), Ignored)
]


@pytest.mark.parametrize(("root", "field"), IGNORED, ids=lambda value: getattr(value, "name", ""))
def test_a_field_without_effect_is_warned_about(
    root: Any, field: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Fields below another message would need the way to them here; there are none yet.
    assert field.containing_type is root.DESCRIPTOR
    path = tmp_path / "file.config"
    path.write_text(set_text(field))
    with caplog.at_level(logging.WARNING, "model_server"):
        reading.read_message(path, root())
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: {field.name} has no effect: {FIELDS[field.full_name].why}"
    ]


@pytest.mark.parametrize(
    "field",
    list(protos.ModelConfig.DESCRIPTOR.fields),
    ids=lambda field: field.name,
)
def test_a_field_of_a_model_changes_what_is_served_or_is_refused(field: Any) -> None:
    plain = {"name": "name: 'm'", "base_path": "base_path: '/m'"}
    plain["model_platform"] = "model_platform: 'tensorflow'"
    changed = plain | {field.name: CHANGED[field.name]}
    if field.name == "model_type":  # the older way to say it; both at once are refused
        del changed["model_platform"]
    fate = FIELDS[field.full_name]
    try:
        before, after = (validate([_config(texts)], {}) for texts in (plain, changed))
    except ServingError as err:
        assert field.name == "model_platform", err
        assert "unsupported platform other" in err.message
        return
    if field.name == "model_type":
        assert before == after
    else:
        assert before != after
    assert isinstance(fate, Refused) == after[0].logs_requests


CHANGED = {
    "name": "name: 'n'",
    "base_path": "base_path: '/n'",
    "model_type": "model_type: TENSORFLOW",
    "model_platform": "model_platform: 'other'",
    "model_version_policy": "model_version_policy { all {} }",
    "version_labels": "version_labels { key: 'stable' value: 1 }",
    "logging_config": "logging_config { }",
}


def _config(texts: dict[str, str]) -> Any:
    return text_format.Parse("\n".join(texts.values()), protos.ModelConfig())


def test_every_fate_is_one_of_three() -> None:
    assert {type(fate) for fate in FIELDS.values()} == {Honoured, Refused, Ignored}


def test_the_older_way_to_name_the_platform_is_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "model_server"):
        validate([_config({"a": "name: 'm' base_path: '/m' model_type: TENSORFLOW"})], {})
    assert [record.getMessage() for record in caplog.records] == [
        "Deprecated ModelServerConfig::model_type field used. "
        "Prefer ModelServerConfig::model_platform."
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "models.config"
    path.write_text("model_config_list {}", encoding=encoding)
    with pytest.raises(UsageError) as caught:
        config_file.read_model_config_file(path)
    assert f"{path}: cannot be read: it begins with the byte-order mark of" in str(caught.value)
    assert "save it as UTF-8" in str(caught.value)


def test_a_byte_order_mark_of_utf_8_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_bytes(b"\xef\xbb\xbfmodel_config_list {}")
    assert config_file.read_model_config_file(path) == []
