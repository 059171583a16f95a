from __future__ import annotations

import datetime as dt

import msgspec
import pytest
import yaml

from contracts import limits as module
from contracts.errors import UsageError
from contracts.limits import Limit, limit, limits
from contracts.validation import MAX_RECORD_BYTES

STATED = {
    "eventbridge.put_events.entries": 10,
    "eventbridge.put_events.bytes": 1_048_576,
    "sqs.send_message_batch.messages": 10,
    "sqs.send_message_batch.bytes": 1_048_576,
    "sqs.receive_message.messages": 10,
    "sqs.delete_message_batch.messages": 10,
    "kinesis.put_records.records": 500,
    "kinesis.put_records.bytes": 10 * 1_048_576,
    "kinesis.record.bytes": 1_048_576,
    "firehose.put_record_batch.records": 500,
    "firehose.put_record_batch.bytes": 4 * 1_048_576,
    "firehose.record.bytes": 1_024_000,
    "firehose.transformation.bytes": 6 * 1_048_576,
}
"""The highest reading of AWS's pages."""


@pytest.mark.parametrize("name", STATED)
def test_no_limit_lies_above_what_aws_states(name: str) -> None:
    assert limit(name) <= STATED[name]


def test_every_limit_says_where_it_stands_and_when_that_was_looked_up() -> None:
    for each in limits().values():
        assert each.source.startswith("https://docs.aws.amazon.com/")
        assert dt.date(2026, 1, 1) <= each.looked_up
        assert each.note.endswith(".")


def test_what_a_bus_takes_is_no_oversized_record() -> None:
    assert limit("eventbridge.put_events.bytes") <= MAX_RECORD_BYTES


def test_no_limit_stands_twice() -> None:
    rows = yaml.safe_load(module._PATH.read_text("utf-8"))  # noqa: SLF001 the file itself is looked at
    assert len(rows) == len(limits())


def test_a_limit_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"sqs\.send_message_batch\.messages"):
        limit("sqs.nothing")


@pytest.mark.parametrize("change", [{"value": 0}, {"source": "https://example.com/"}, {"units": "bytes"}])
def test_a_limit_without_proof_is_refused(change: dict[str, object]) -> None:
    row = msgspec.to_builtins(next(iter(limits().values())))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**row, **change}, Limit)
