"""Dead-letter queues on SQS: messages go back through the front door, and then leave their queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts.limits import limit
from ingestion.dead_letters import Found, Left, letter_of_message
from ingestion.publisher import utc_now
from ingestion.redrive import Clock, Report, Way, returned
from lakehouse._aws import queue_client, told_of_queue
from lakehouse.failpoints import reach

__all__ = ["Queue", "queue_client", "redrive_queue"]

MOST_RECEIVED: Final = limit("sqs.receive_message.messages")
MOST_DELETED: Final = limit("sqs.delete_message_batch.messages")
_HIDDEN_SECONDS: Final = 300
"""How long a message is hidden from others once received; one that is not deleted by then comes back."""
_WAIT_SECONDS: Final = 1
"""A call that waits asks every server of the queue, so that nothing received means that nothing is there."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as SQS gave it: `receipt` lets it be deleted, for this time of receiving."""

    id: str
    receipt: str
    body: bytes
    attributes: dict[str, str]
    sent: str | None


class Queue:
    """A queue by its URL."""

    def __init__(self, url: str, client: Any) -> None:
        """Nothing is asked yet; `client` is boto3's for SQS."""
        self.url = url
        self._client = client

    def batches(self) -> Iterator[list[Message]]:
        """Messages as they come, each once, until none does; those not deleted meanwhile are hidden from others."""
        seen: set[str] = set()
        while batch := [each for each in self._receive() if each.id not in seen]:
            seen |= {each.id for each in batch}
            yield batch

    def delete(self, messages: Sequence[Message]) -> int:
        """Delete messages; returns how many could not be."""
        return sum(self._refusals(self._client.delete_message_batch, messages, {}))

    def release(self, messages: Sequence[Message]) -> None:
        """Let others see messages at once; where that is refused, they do after a while."""
        calls = self._refusals(
            self._client.change_message_visibility_batch, messages, {"VisibilityTimeout": 0}
        )
        sum(calls)

    def depth(self) -> int:
        """About how many messages wait; nothing is received for it."""
        with told_of_queue(self.url):
            answer = self._client.get_queue_attributes(
                QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _receive(self) -> list[Message]:
        with told_of_queue(self.url):
            answer = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=MOST_RECEIVED,
                VisibilityTimeout=_HIDDEN_SECONDS,
                WaitTimeSeconds=_WAIT_SECONDS,
                MessageAttributeNames=["All"],
                AttributeNames=["SentTimestamp"],
            )
        return [_message(each) for each in answer.get("Messages", ())]

    def _refusals(self, call: Any, messages: Sequence[Message], more: dict[str, Any]) -> Iterator[int]:
        """Make calls that take so many messages at once; yields how many each refused."""
        for first in range(0, len(messages), MOST_DELETED):
            batch = messages[first : first + MOST_DELETED]
            entries = [{"Id": str(i), "ReceiptHandle": each.receipt, **more} for i, each in enumerate(batch)]
            with told_of_queue(self.url):
                yield len(call(QueueUrl=self.url, Entries=entries).get("Failed", ()))


def redrive_queue(queue: Queue, way: Way, *, clock: Clock = utc_now) -> Report:
    """Redrive the messages of a dead-letter queue; each leaves it once all it holds is redriven and noted.

    A message that holds no event, or one that no bus takes, stays. Killed anywhere, a message is in the queue still, or redriven;
    one that is both is deleted by the next redrive.

    Raises:
        LakeError: as `Way.take`.
        StorageError: when the queue cannot be used. What came before is redriven and noted.
        UsageError: when there is no such queue.
    """
    report = Report()
    kept: list[Message] = []
    for batch in queue.batches():
        done = _redriven(queue.url, batch, way, report, clock)
        if stuck := queue.delete(done):
            report.problem = f"{stuck} messages were redriven and could not be deleted"
        reach("redrive.deleted")
        kept += [each for each in batch if each not in done]
        if report.problem:
            break
    queue.release(kept)
    return report


def _redriven(url: str, batch: Sequence[Message], way: Way, report: Report, clock: Clock) -> list[Message]:
    """Redrive what messages hold; returns those of which nothing is left to do."""
    read = {each.id: _read(url, each) for each in batch}
    letters = report.read(read.values())
    reach("redrive.read")
    taken = way.take(returned(letters, clock()))
    report.add(taken)
    places = [each.place for each in taken.unfit] + [each.place for each in taken.waiting]
    stay = {place.rpartition(".")[0] for place in places}
    return [each for each in batch if not isinstance(read[each.id], Left) and read[each.id].place not in stay]


def _read(url: str, message: Message) -> Found:
    return letter_of_message(f"{url}#{message.id}", message.body, message.attributes, message.sent)


def _message(answer: dict[str, Any]) -> Message:
    attributes = {
        name: str(each.get("StringValue", "")) for name, each in answer.get("MessageAttributes", {}).items()
    }
    body = answer["Body"].encode()
    return Message(
        answer["MessageId"],
        answer["ReceiptHandle"],
        body,
        attributes,
        answer.get("Attributes", {}).get("SentTimestamp"),
    )
