"""Which records of a stream were sent: a saver of calls, by powertools' idempotency utility."""

from __future__ import annotations

import os
from typing import Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.idempotency import (
    BasePersistenceLayer,
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemNotFoundError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS

from lakehouse._aws import client, fault_of_call, said_of

KEPT_SECONDS: Final = 24 * 60 * 60
"""A stream keeps its records as long, unless it is told otherwise."""
_SENT: Final = STATUS_CONSTANTS["COMPLETED"]


class Memory:
    """Knows records by their event ids, for a day. Without a table, and while it is out of reach, it knows none."""

    def __init__(self, store: BasePersistenceLayer | None, logger: Logger) -> None:
        self._store = store
        self._logger = logger
        if store is not None:
            config = IdempotencyConfig(
                event_key_jmespath="event_id", expires_after_seconds=KEPT_SECONDS, hash_function="sha256"
            )
            store.configure(config, function_name="streams")

    def knows(self, event_id: str) -> bool:
        """True where all events of the record were accepted before."""
        if self._store is None:
            return False
        try:
            found = self._store.get_record({"event_id": event_id})
        except IdempotencyItemNotFoundError:
            return False
        except Exception as e:  # noqa: BLE001 whatever is not AWS's is raised again
            self._forgive(e)
            return False
        return found is not None and found.status == _SENT

    def note(self, event_id: str) -> None:
        """Remember that all events of the record were accepted."""
        if self._store is None:
            return
        try:
            self._store.save_success({"event_id": event_id}, {})
        except Exception as e:  # noqa: BLE001 as above
            self._forgive(e)

    def _forgive(self, error: Exception) -> None:
        """Go on without the table: what is sent twice counts once."""
        if fault_of_call(error) is None:
            raise error
        self._logger.warning("The table of what was sent cannot be used; records may be sent again.", said=said_of(error))  # fmt: skip


def memory(logger: Logger) -> Memory:
    """The memory in the table that LAKE_IDEMPOTENCY_TABLE names, if it names one; its key is `id`, its time to live `expiration`."""
    table = os.environ.get("LAKE_IDEMPOTENCY_TABLE")
    store = DynamoDBPersistenceLayer(table, boto3_client=client("dynamodb")) if table else None
    return Memory(store, logger)
