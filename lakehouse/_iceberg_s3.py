"""S3 for pyiceberg, with the requests that are needed and no more."""

from __future__ import annotations

from io import BytesIO

from pyarrow.fs import FileSystem
from pyiceberg.io import InputFile, InputStream, OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from lakehouse._s3 import SCHEME, arrow_filesystem, read_whole


class SharedFileIO(PyArrowFileIO):
    """pyiceberg's access to files, over this process's one connection to S3 instead of one for each table."""

    def _initialize_s3_fs(self, netloc: str | None) -> FileSystem:  # noqa: ARG002 any bucket
        return arrow_filesystem()

    def new_input(self, location: str) -> InputFile:  # type: ignore[override]  # its own kind is for data files
        """A file to read: metadata in whole."""
        return super().new_input(location) if location.endswith(".parquet") else _Metadata(location)

    def new_output(self, location: str) -> PyArrowFile:
        """A file to write."""
        return _NewFile(location, location.removeprefix(SCHEME), arrow_filesystem())


class _Metadata(InputFile):
    """A file that is read in whole, without asking for its size first."""

    def __len__(self) -> int:
        return len(read_whole(self.location))

    def exists(self) -> bool:
        try:
            read_whole(self.location)
        except FileNotFoundError:
            return False
        return True

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002, FBT001, FBT002 pyiceberg's signature
        return BytesIO(read_whole(self.location))


class _NewFile(PyArrowFile):
    """A file whose name, being random, nobody else has: looking whether it is there would cost two requests."""

    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: ARG002, FBT001, FBT002 pyiceberg's signature
        return super().create(overwrite=True)
