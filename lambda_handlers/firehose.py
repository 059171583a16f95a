"""Lambda function: a transformation for Firehose that takes out what must not be stored, for estates that have such fields.

Which fields, contracts say (`x-drop-before-raw`, see `ingestion.minimise`). Without such fields leave the transformation out. The environment:

    LAKE_CONTRACTS  a folder of contracts that marks fields; those that are built in mark none

Firehose puts what is `ProcessingFailed` under its error prefix, as it got it. That is what cannot be decoded, and what has no room in an
answer of at most `firehose.transformation.bytes` (contracts/limits.yaml): the first goes back as it came, the second empty, as Firehose
has it. Logs and metrics hold Firehose's own record ids and counts, nothing of what records say.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import (
    KinesisFirehoseDataTransformationRecord,
    KinesisFirehoseDataTransformationResponse,
    KinesisFirehoseEvent,
)
from aws_lambda_powertools.utilities.data_classes.kinesis_firehose_event import KinesisFirehoseRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from contracts.limits import limit
from ingestion.minimise import Minimiser
from lambda_handlers._settings import NAMESPACE, declarations

FAILED: Final = "ProcessingFailed"

logger = Logger(service="lake-firehose")
metrics = Metrics(namespace=NAMESPACE, service="lake-firehose")


def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Transform a batch.

    Raises:
        ContractError: for a mistake in the contracts; Firehose calls again, and then puts the batch under its error prefix.
    """
    return respond(event, make_minimiser(), most_bytes=limit("firehose.transformation.bytes"))


@cache
def make_minimiser() -> Minimiser:
    """Made once for all batches of this process."""
    return Minimiser(declarations())


def respond(event: dict[str, Any], minimiser: Minimiser, *, most_bytes: int) -> dict[str, Any]:
    """The answer to a batch: each record, in order, in at most so many bytes of JSON."""
    records = [_transformed(each, minimiser) for each in KinesisFirehoseEvent(event).records]
    broken = [each.record_id for each in records if each.result == FAILED]
    too_much = _fit(records, most_bytes)
    _report(len(records), broken, too_much)
    return KinesisFirehoseDataTransformationResponse(records).asdict()


def _transformed(
    record: KinesisFirehoseRecord, minimiser: Minimiser
) -> KinesisFirehoseDataTransformationRecord:
    try:
        data = base64.b64decode(record.data, validate=True)
    except ValueError:
        return record.build_data_transformation_response(FAILED, record.data)
    kept = base64.b64encode(minimiser.minimise(data)).decode()
    return record.build_data_transformation_response("Ok", kept)


def _fit(records: list[KinesisFirehoseDataTransformationRecord], most_bytes: int) -> list[str]:
    """Empty the records that have no room in the answer; returns their ids."""
    room = most_bytes - _size(
        {"records": [{**each.asdict(), "result": FAILED, "data": ""} for each in records]}
    )
    emptied = []
    for each in records:
        size = _size(each.data) - _size("")
        if size <= room:
            room -= size
        else:
            each.result, each.data = FAILED, ""
            emptied.append(each.record_id)
    return emptied


def _size(value: Any) -> int:
    return len(json.dumps(value))  # as Lambda writes it, with white space


def _report(records: int, broken: list[str], too_much: list[str]) -> None:
    failed = {*broken, *too_much}
    metrics.add_metric(name="RecordsTaken", unit=MetricUnit.Count, value=records - len(failed))
    metrics.add_metric(name="RecordsFailed", unit=MetricUnit.Count, value=len(failed))
    metrics.flush_metrics()
    if broken:
        logger.warning("Records are no base64; Firehose puts them under its error prefix.", record_ids=broken)
    if too_much:
        logger.warning(
            "Records have no room in the answer; Firehose puts them under its error prefix.",
            record_ids=too_much,
        )
