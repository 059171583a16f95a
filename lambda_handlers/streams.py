"""Lambda function: changes in DynamoDB Streams, or change records in Kinesis Data Streams, become events on a bus.

A transactional outbox is a DynamoDB table as any other here. The environment:

    LAKE_SOURCE             the source whose documents these are (`dynamodb`); for Kinesis `dms` or `debezium`
    LAKE_BUS                the bus, by name or ARN (`commerce`)
    LAKE_CONTRACTS          a folder of contracts, if not those that are built in
    LAKE_IDEMPOTENCY_TABLE  a DynamoDB table that remembers which records were sent, if any

The event source mapping needs `ReportBatchItemFailures`: of a batch, the records that were not sent are told, and the stream
delivers from the first of them on again. Nothing is kept here, as a function's disk does not outlive it.

The table saves calls and is not needed to be right. A record that is delivered again makes the same events under the same event ids, as
these follow from what it says, and what arrives twice counts once. Two calls of DynamoDB for each record are worth it
only where batches often come again. What the table cannot tell is sent.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, TypeAlias

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent, KinesisStreamEvent
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from contracts.errors import LakeError
from ingestion.documents import Document
from ingestion.relay import Relay
from lambda_handlers._memory import Memory, memory
from lambda_handlers._settings import NAMESPACE, bus, declarations

logger = Logger(service="lake-streams")
metrics = Metrics(namespace=NAMESPACE, service="lake-streams")

_Record: TypeAlias = DynamoDBRecord | KinesisStreamRecord


class NotSentError(LakeError):
    """A record of which something was not accepted; it has to be delivered again."""


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Send a batch; returns which records were not sent.

    Raises:
        UsageError: when the source or the bus does not exist; the whole batch is delivered again.
    """
    return respond(event, context, make_relay(), make_memory())


@cache
def make_relay() -> Relay:
    """Made once for all batches of this process."""
    return Relay(declarations().source(os.environ.get("LAKE_SOURCE") or "dynamodb"), bus())


@cache
def make_memory() -> Memory:
    """Made once for all batches of this process."""
    return memory(logger)


def respond(
    event: dict[str, Any], context: LambdaContext, relay: Relay, known: Memory
) -> PartialItemFailureResponse:
    """Send what is not known of a batch; returns which records were not sent."""
    kind, records = _batch(event)
    new = [each for each in records if not known.knows(str(each.event_id))]
    told = relay.send([_document(each) for each in new])
    reasons = {str(each.event_id): reason for each, reason in zip(new, told, strict=True)}

    def judge(record: _Record) -> None:
        if reason := reasons.get(str(record.event_id)):
            raise NotSentError(reason)

    processor = BatchProcessor(kind, raise_on_entire_batch_failure=False)  # an outage is no error of ours
    response = process_partial_response(event, judge, processor, context)
    for event_id in (name for name, reason in reasons.items() if reason is None):
        known.note(event_id)
    _report(len(records), reasons)
    return response


def _batch(event: dict[str, Any]) -> tuple[EventType, list[_Record]]:
    if event["Records"][0]["eventSource"] == "aws:kinesis":
        return EventType.KinesisDataStreams, [*KinesisStreamEvent(event).records]
    return EventType.DynamoDBStreams, [*DynamoDBStreamEvent(event).records]


def _document(record: _Record) -> Document:
    """What Kinesis carries, to the byte; or a change as DynamoDB tells it."""
    if isinstance(record, KinesisStreamRecord):
        return Document(record.kinesis.data_as_bytes())
    return Document(msgspec.json.encode(record.raw_event))


def _report(records: int, reasons: dict[str, str | None]) -> None:
    failed = [reason for reason in reasons.values() if reason]
    metrics.add_metric(name="RecordsTaken", unit=MetricUnit.Count, value=records - len(failed))
    metrics.add_metric(name="RecordsNotSent", unit=MetricUnit.Count, value=len(failed))
    metrics.flush_metrics()
    if failed:
        logger.warning(
            "Records were not sent; the stream delivers them again.",
            records=len(failed),
            said=sorted(set(failed)),
        )
