"""Where a replay goes: a file, or a bus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from contracts.errors import StorageError
from ingestion.bus import Bus


class FileTarget:
    """A file of events, one a line; it is there in whole or not at all."""

    resumes: Final = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Begin the file.

        Raises:
            StorageError: when it cannot be written.
        """
        try:
            self._file = self._part.open("wb")
        except OSError as e:
            raise self._failed(e) from e
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the file, or leave nothing of it where something failed."""
        if self._file is not None:
            self._file.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)

    def take(self, records: Sequence[bytes]) -> int:
        """See `Target`."""
        if self._file is None:
            raise AssertionError("the file was not begun")
        try:
            self._file.writelines(record + b"\n" for record in records)
        except OSError as e:
            raise self._failed(e) from e
        return 0

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(
            f"{self._path} cannot be written ({error.strerror}). Make room or choose another, then replay again."
        )


class BusTarget:
    """A bus of EventBridge."""

    resumes: Final = True

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def take(self, records: Sequence[bytes]) -> int:
        """See `Target`."""
        failures = [each for each in self._bus.send(self._bus.read(records)) if each]
        stopped = next((each for each in failures if each.fault != "unfit"), None)
        if stopped:
            raise StorageError(f"The bus did not accept all: {stopped.said.rstrip('.')}.")
        return len(failures)
