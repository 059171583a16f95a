from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_bus import PASSING, Answer, FakeBus, answered

from contracts.errors import LakeError, StorageError, UsageError
from ingestion.dead_letter_queue import Queue, redrive_queue
from ingestion.event_log import EventLog, Landing, Returned
from ingestion.redrive import BroughtBack, IntoLog, Nowhere, OntoBus, Report, redrive_errors, store_at
from tests.unit.letters import ARRIVED, MILLISECONDS, NOW, envelope, event


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as opened:
        yield opened


def back(*names: str) -> list[Returned]:
    return [Returned(f"errors/a#{name}.0", event(name), ARRIVED) for name in names]


def waiting(log: EventLog) -> list[bytes]:
    landing = Landing("", "commerce", ARRIVED.replace(minute=0), 1, 1_000_000, 0)
    return log.records(landing)


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        store_at(str(tmp_path / "nothing"))


def test_a_record_goes_into_the_log_once_with_its_arrival(log: EventLog) -> None:
    assert log.redrive(back("1", "2"), bus="commerce", now=NOW) == back("1", "2")
    assert log.redrive(back("2", "3"), bus="commerce", now=NOW) == back("3")
    assert waiting(log) == [event("1"), event("2"), event("3")]


def test_the_same_bytes_at_another_place_are_another_delivery(log: EventLog) -> None:
    again = [Returned("errors/b#0.0", event("1"), ARRIVED)]
    log.redrive(back("1"), bus="commerce", now=NOW)
    assert log.redrive(again, bus="commerce", now=NOW) == again


def test_other_bytes_at_one_place_are_another_record(log: EventLog) -> None:
    log.redrive([Returned("a#0.0", event("1"), ARRIVED)], bus="commerce", now=NOW)
    mended = [Returned("a#0.0", event("2"), ARRIVED)]
    assert log.redrive(mended, bus="commerce", now=NOW) == mended


def test_what_is_landed_stays_redriven(log: EventLog) -> None:
    log.redrive(back("1"), bus="commerce", now=NOW)
    log.landed(Landing("x", "commerce", ARRIVED.replace(minute=0), 1, 1, 1))
    assert log.redrive(back("1"), bus="commerce", now=NOW) == []
    assert len(log) == 0


def test_a_log_that_cannot_be_written_notes_nothing(log: EventLog) -> None:
    log._connection.execute("PRAGMA query_only = ON")  # noqa: SLF001 root may write to read-only files
    with pytest.raises(StorageError, match="readonly"):
        log.redrive(back("1"), bus="commerce", now=NOW)
    log._connection.execute("PRAGMA query_only = OFF")  # noqa: SLF001 as above
    assert log.never_redriven(back("1")) == back("1")


def test_a_failure_between_noting_and_appending_takes_the_note_back(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise StorageError("full")

    monkeypatch.setattr("ingestion.event_log.reach", fail)
    with pytest.raises(StorageError):
        log.redrive(back("1"), bus="commerce", now=NOW)
    assert log.never_redriven(back("1")) == back("1")
    assert len(log) == 0


def test_a_dry_run_changes_nothing(log: EventLog) -> None:
    log.redrive(back("1"), bus="commerce", now=NOW)
    taken = Nowhere(log).take(back("1", "2"))
    assert (taken.redriven, taken.before, taken.waiting) == ([], 1, back("2"))
    assert len(log) == 1


def take(log: EventLog, bus: FakeBus, *names: str) -> BroughtBack:
    way = OntoBus(log, bus, "commerce", clock=lambda: NOW, sleep=lambda _: None, attempts=2)
    return way.take(back(*names))


def test_what_is_accepted_is_sent_once(log: EventLog) -> None:
    bus = FakeBus()
    names = [str(n) for n in range(12)]
    assert take(log, bus, *names).redriven == back(*names)
    taken = take(log, bus, *names, "12")
    assert (taken.redriven, taken.before) == (back("12"), 12)
    assert len(bus.accepted) == 13
    assert len(log) == 0


def test_what_a_busy_bus_does_not_take_waits_where_it_is(log: EventLog) -> None:
    answers: list[Answer] = [{1: "ThrottlingException"}, {0: "ThrottlingException"}]
    bus = FakeBus(answers)
    taken = take(log, bus, "1", "2", "3")
    assert (taken.redriven, taken.waiting) == (back("1", "3"), back("2"))
    assert taken.problem is not None
    assert "ThrottlingException" in taken.problem
    assert take(log, bus, "1", "2", "3").redriven == back("2")


def test_while_a_bus_is_out_of_reach_the_rest_is_not_tried(log: EventLog) -> None:
    bus = FakeBus([PASSING[0]] * 4)
    names = [str(n) for n in range(25)]
    taken = take(log, bus, *names)
    assert (taken.redriven, len(taken.waiting), len(bus.calls)) == ([], 25, 2)


def test_what_no_bus_takes_is_undeliverable_and_in_nobodys_way(log: EventLog) -> None:
    bus = FakeBus([{0: "MalformedDetail"}])
    way = OntoBus(log, bus, "commerce", clock=lambda: NOW, sleep=lambda _: None, attempts=2)
    records = [back("1")[0], Returned("errors/a#x.0", b"no JSON", ARRIVED), back("2")[0]]
    taken = way.take(records)
    assert taken.redriven == back("2")
    assert [each.place for each in taken.unfit] == ["errors/a#x.0", "errors/a#1.0"]
    assert taken.waiting == []


def test_a_refusal_is_raised_and_what_was_accepted_is_noted(log: EventLog) -> None:
    bus = FakeBus([None, answered("AccessDeniedException")])
    names = [str(n) for n in range(12)]
    with pytest.raises(StorageError, match="where it was; redrive it"):
        take(log, bus, *names)
    assert log.never_redriven(back(*names)) == back("10", "11")


def test_a_bus_that_does_not_exist_is_wrong_use(log: EventLog) -> None:
    with pytest.raises(UsageError, match="no event bus commerce"):
        take(log, FakeBus(buses=()), "1")


class FakeQueue:
    """A client of boto3's for SQS, as far as a redrive uses it."""

    def __init__(self, *bodies: bytes, deletes: bool = True) -> None:
        self.there = {f"m-{n}": body.decode() for n, body in enumerate(bodies)}
        self.hidden: set[str] = set()
        self.deletes = deletes
        self.done: list[str] = []

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:  # noqa: N803 AWS's name
        self.done.append("receive")
        ids = [each for each in self.there if each not in self.hidden][:MaxNumberOfMessages]
        self.hidden |= set(ids)
        sent = {"SentTimestamp": str(MILLISECONDS)}
        return {
            "Messages": [
                {"MessageId": i, "ReceiptHandle": f"r-{i}", "Body": self.there[i], "Attributes": sent}
                for i in ids
            ]
        }

    def delete_message_batch(self, *, Entries: Sequence[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803 AWS's name
        assert 1 <= len(Entries) <= 10
        self.done.append("delete")
        if not self.deletes:
            return {"Failed": list(Entries)}
        for each in Entries:
            del self.there[each["ReceiptHandle"].removeprefix("r-")]
        return {}

    def change_message_visibility_batch(
        self,
        *,
        Entries: Sequence[dict[str, Any]],  # noqa: N803 AWS's name
        **_: Any,
    ) -> dict[str, Any]:
        self.hidden -= {each["ReceiptHandle"].removeprefix("r-") for each in Entries}
        return {}


def redrive(log: EventLog, queue: FakeQueue) -> Report:
    return redrive_queue(Queue("https://q", queue), IntoLog(log, clock=lambda: NOW), clock=lambda: NOW)


def test_messages_leave_the_queue_and_are_in_the_log(log: EventLog) -> None:
    queue = FakeQueue(*(event(str(n)) for n in range(23)))
    report = redrive(log, queue)
    assert (report.found, report.redriven, report.unreadable) == (23, 23, 0)
    assert queue.there == {}
    assert sorted(waiting(log)) == sorted(event(str(n)) for n in range(23))


def test_a_message_without_an_event_stays_for_others_to_see(log: EventLog) -> None:
    queue = FakeQueue(b'{"order":"someone@shop.example"}', event("1"))
    report = redrive(log, queue)
    assert (report.found, report.redriven, report.unreadable) == (1, 1, 1)
    assert list(queue.there) == ["m-0"]
    assert queue.hidden == {"m-1"}
    assert report.left[0].place == "https://q#m-0"
    assert "someone" not in report.left[0].reason


def test_a_message_that_could_not_be_deleted_is_not_redriven_again(log: EventLog) -> None:
    queue = FakeQueue(event("1"), deletes=False)
    assert redrive(log, queue).problem == "1 messages were redriven and could not be deleted"
    queue.deletes, queue.hidden = True, set()
    report = redrive(log, queue)
    assert (report.redriven, report.already_redriven, report.problem) == (0, 1, None)
    assert queue.there == {}
    assert waiting(log) == [event("1")]


def test_a_message_that_comes_again_while_it_is_kept_ends_the_redrive(log: EventLog) -> None:
    class Forgetful(FakeQueue):
        def receive_message(self, **words: Any) -> dict[str, Any]:
            self.hidden = set()
            return super().receive_message(**words)

    queue = Forgetful(b"what is this")
    assert redrive(log, queue).unreadable == 1
    assert queue.done == ["receive", "receive"]


def test_what_a_bus_does_not_take_stays_in_the_queue(log: EventLog) -> None:
    queue = FakeQueue(event("1"), event("2"))
    bus = FakeBus([{1: "ThrottlingException"}])
    way = OntoBus(log, bus, "commerce", clock=lambda: NOW, sleep=lambda _: None, attempts=1)
    report = redrive_queue(Queue("https://q", queue), way, clock=lambda: NOW)
    assert (report.redriven, report.waiting) == (1, 1)
    assert list(queue.there) == ["m-1"]
    assert redrive_queue(Queue("https://q", queue), way, clock=lambda: NOW).redriven == 1
    assert queue.there == {}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", UsageError),
        ("AccessDenied", StorageError),
        ("ServiceUnavailable", StorageError),
    ],
)
def test_a_queue_that_refuses_is_told_in_our_words(log: EventLog, code: str, kind: type[LakeError]) -> None:
    class Refusing(FakeQueue):
        def receive_message(self, **_: Any) -> dict[str, Any]:
            raise answered(code, operation="ReceiveMessage")

    with pytest.raises(kind, match="Queue https://q cannot be used"):
        redrive(log, Refusing())


def test_a_report_names_no_more_than_it_can_and_counts_all(log: EventLog, tmp_path: Path) -> None:
    folder = tmp_path / "errors"
    folder.mkdir()
    (folder / "a").write_bytes(b"what is this\n" * 250 + envelope(event()))
    report = redrive_errors([store_at(str(folder))], IntoLog(log, clock=lambda: NOW), clock=lambda: NOW)
    assert (report.unreadable, report.redriven, len(report.left)) == (250, 1, 100)
    assert report.errors == {"Lambda.FunctionError": 1}


def test_where_a_bus_is_blocked_the_rest_is_not_read(log: EventLog, tmp_path: Path) -> None:
    folder = tmp_path / "errors"
    folder.mkdir()
    (folder / "a").write_bytes(b"\n".join(envelope(event(str(n))) for n in range(150)))
    way = OntoBus(log, FakeBus([PASSING[0]] * 2), "commerce", sleep=lambda _: None, attempts=2)
    report = redrive_errors([store_at(str(folder))], way, clock=lambda: NOW)
    assert (report.found, report.redriven, report.waiting) == (100, 0, 100)
    assert report.problem
    report = redrive_errors([store_at(str(folder))], way, clock=lambda: NOW)
    assert (report.found, report.redriven, report.problem) == (150, 150, None)
