"""The lease as an item of a DynamoDB table: one table serves any number of lakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from lakehouse._aws import client, code_of, told
from lakehouse.lease import Holding, Lease

_KEY: Final = "lake"
_REFUSED: Final = "ConditionalCheckFailedException"
_MINE: Final = "run_id = :run_id"


class DynamoLease(Lease):
    """The item whose key is the lake's address. The table is made when it is missing."""

    def __init__(self, table: str, lake: str, *, seconds: float) -> None:
        super().__init__(seconds=seconds)
        self._table = table
        self._key = {_KEY: {"S": lake}}
        self._item = {"TableName": table, "Key": self._key}

    def _put(self, wanted: Holding) -> None:
        with self._told():
            try:
                self._write(wanted)
            except client("dynamodb").exceptions.ResourceNotFoundException:
                self._make()
                self._write(wanted)

    def _write(self, wanted: Holding) -> None:
        values = {
            **self._key,
            "run_id": {"S": wanted.run_id},
            "holder": {"S": wanted.holder},
            "since": _number(wanted.since),
            "until": _number(wanted.until),
        }
        with _unless_refused():
            client("dynamodb").put_item(
                TableName=self._table,
                Item=values,
                ConditionExpression=f"attribute_not_exists({_KEY}) or #until < :now",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":now": _number(wanted.since)},
            )

    def _found(self) -> Holding | None:
        with self._told():
            try:
                item = client("dynamodb").get_item(**self._item, ConsistentRead=True).get("Item")
            except client("dynamodb").exceptions.ResourceNotFoundException:
                return None
        return _holding(item) if item else None

    def _extend(self, run_id: str, until: float) -> None:
        with self._told(), _unless_refused():
            client("dynamodb").update_item(
                **self._item,
                UpdateExpression="set #until = :until",
                ConditionExpression=_MINE,
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":until": _number(until), ":run_id": {"S": run_id}},
            )

    def _drop(self, run_id: str) -> None:
        with self._told(), _unless_refused():
            client("dynamodb").delete_item(
                **self._item,
                ConditionExpression=_MINE,
                ExpressionAttributeValues={":run_id": {"S": run_id}},
            )

    def _make(self) -> None:
        dynamodb = client("dynamodb")
        with suppress(dynamodb.exceptions.ResourceInUseException):  # another run is making it
            dynamodb.create_table(
                TableName=self._table,
                KeySchema=[{"AttributeName": _KEY, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": _KEY, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        dynamodb.get_waiter("table_exists").wait(
            TableName=self._table, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )

    def _told(self) -> Any:
        return told(f"The lease in DynamoDB's table {self._table}")


@contextmanager
def _unless_refused() -> Iterator[None]:
    """A condition that does not hold means that the lease is another's, which `_found` will tell."""
    try:
        yield
    except Exception as e:
        if code_of(e) != _REFUSED:
            raise


def _number(value: float) -> dict[str, str]:
    return {"N": repr(value)}


def _holding(item: dict[str, Any]) -> Holding:
    return Holding(
        item["run_id"]["S"], item["holder"]["S"], float(item["since"]["N"]), float(item["until"]["N"])
    )
