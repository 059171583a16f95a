"""The one exception tree. Every message says what happened, to what, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class LakeError(Exception):
    """Anything this project raises on purpose; the command line turns it into one message and an exit code."""

    exit_code: ClassVar[int] = 2


class UsageError(LakeError):
    """The caller asked for something that cannot be done as asked."""


class ContractError(LakeError):
    """A contract file is wrong."""

    def __init__(self, message: str, *, path: Path, line: int) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = path
        self.line = line


class MappingError(LakeError):
    """A mapping file does not fit the dialect or the file it is applied to."""


class ControlError(LakeError):
    """A drop is not what its control totals say; nothing of it was published."""

    exit_code = 1


class InvalidEventError(LakeError):
    """Events do not fit their contracts; nothing of their batch was published."""


class NotALakeError(LakeError):
    """The folder holds no lake."""


class FormatVersionError(LakeError):
    """The lake was written by a program that this one cannot follow."""


class HeldError(LakeError):
    """Another run holds the lake, or won the race; nothing of this run was published."""

    exit_code = 3


class StorageError(LakeError):
    """The disk is full, read-only or gone, or a service is out of reach; running again is safe once that is mended."""

    exit_code = 4


class EngineError(LakeError):
    """Spark could not do the work; nothing was published, and running again is safe."""

    exit_code = 4


class ConservationError(LakeError):
    """Records went missing or appeared from nowhere: a defect, never the data's fault."""

    exit_code = 1


class ParityError(LakeError):
    """Two engines made different tables of the same raw: a defect, never the data's fault."""

    exit_code = 1


class ExpectationError(LakeError):
    """A reprocess would change what it was not expected to; nothing of its slice was published."""

    exit_code = 1


class BuildError(LakeError):
    """The marts could not be built, or a test of theirs failed; the release before stays in force."""

    exit_code = 1


class ThresholdError(LakeError):
    """More records were quarantined than the profile allows; what passed is published."""

    exit_code = 1
