"""S3 for pyiceberg, with the requests that are needed and no more."""

from __future__ import annotations

from pyarrow.fs import FileSystem
from pyiceberg.io import OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from lakehouse._s3 import SCHEME, arrow_filesystem


class SharedFileIO(PyArrowFileIO):
    """pyiceberg's access to files, over this process's one connection to S3 instead of one for each table."""

    def _initialize_s3_fs(self, netloc: str | None) -> FileSystem:  # noqa: ARG002 any bucket
        return arrow_filesystem()

    def new_output(self, location: str) -> _NewFile:
        """A file to write."""
        return _NewFile(location, location.removeprefix(SCHEME), arrow_filesystem())


class _NewFile(PyArrowFile):
    """A file whose name, being random, nobody else has: looking whether it is there would cost two requests."""

    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: ARG002, FBT001, FBT002 pyiceberg's signature
        return super().create(overwrite=True)
