"""Raw objects, records and data files on S3. Whole objects and conditional writes are S3's own; nothing here locks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pyarrow.fs as arrow_fs
from pyarrow import NativeFile
from xxhash import xxh3_64_intdigest

from lakehouse._aws import client, code_of, endpoint, region, told, tries
from lakehouse.store import Folder, taken, unreadable

SCHEME: Final = "s3://"
_SUFFIX: Final = ".json"
_CONFLICT: Final = "ConditionalRequestConflict"
_IS_THERE: Final = "PreconditionFailed"
_TRIES: Final = 5
_DELETED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys of a bucket that begin alike; `key` has no slash at its end."""

    bucket: str
    key: str

    @classmethod
    def of(cls, url: str) -> Prefix:
        """The prefix that `s3://bucket/key` names."""
        bucket, _, key = url.removeprefix(SCHEME).partition("/")
        return cls(bucket, key.strip("/"))

    @property
    def url(self) -> str:
        """The prefix as `s3://bucket/key`."""
        return f"{SCHEME}{self.bucket}/{self.key}".rstrip("/")

    def below(self, name: str) -> Prefix:
        """The prefix of a name in this one."""
        return Prefix(self.bucket, f"{self.key}/{name}".lstrip("/"))

    def get(self, name: str) -> bytes | None:
        """The bytes of an object, or None where there is none."""
        address = self._address(name)
        with told(self._url(name)):
            try:
                body: bytes = client("s3").get_object(**address)["Body"].read()
            except client("s3").exceptions.NoSuchKey:
                return None
        return body

    def put(self, name: str, data: bytes) -> None:
        """Write an object, whatever was there."""
        with told(self._url(name)):
            client("s3").put_object(**self._address(name), Body=data)

    def put_new(self, name: str, data: bytes) -> bool:
        """Write an object where there is none; False where one with other bytes is.

        Where the answer to a write is lost, the library writes again and is refused; so equal bytes are taken for our own.
        """
        with told(self._url(name)):
            for attempt in range(_TRIES):
                try:
                    client("s3").put_object(**self._address(name), Body=data, IfNoneMatch="*")
                except client("s3").exceptions.ClientError as e:
                    if code_of(e) == _IS_THERE:
                        return self.get(name) == data
                    if code_of(e) != _CONFLICT or attempt == _TRIES - 1:
                        raise
                    time.sleep(0.1 * 2**attempt)
                else:
                    return True
        return False

    def listed(
        self, *, after: str = "", flat: bool = False, most: int | None = None
    ) -> Iterator[tuple[str, int]]:
        """Names below the prefix with sizes in bytes, in order: all of them, or (`flat`) those without a slash."""
        start = f"{self.key}/".lstrip("/")
        asked: dict[str, Any] = {"Bucket": self.bucket, "Prefix": start}
        if after:
            asked["StartAfter"] = f"{start}{after}"
        if flat:
            asked["Delimiter"] = "/"
        settings = {"MaxItems": most} if most else {}
        with told(self.url):
            pages = client("s3").get_paginator("list_objects_v2").paginate(**asked, PaginationConfig=settings)
            for page in pages:
                for found in page.get("Contents", ()):
                    yield found["Key"].removeprefix(start), found["Size"]

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; those that are gone already are no error."""
        keys = [{"Key": self._address(name)["Key"]} for name in names]
        with told(self.url):
            for first in range(0, len(keys), _DELETED_AT_ONCE):
                batch = {"Objects": keys[first : first + _DELETED_AT_ONCE], "Quiet": True}
                for refused in (
                    client("s3").delete_objects(Bucket=self.bucket, Delete=batch).get("Errors", ())
                ):
                    raise client("s3").exceptions.ClientError({"Error": refused}, "DeleteObjects")

    def _address(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.below(name).key}

    def _url(self, name: str) -> str:
        return f"{self.url}/{name}"


@dataclass(frozen=True, slots=True)
class S3Store:
    """Raw objects under a prefix. See `lakehouse.store.Store`."""

    prefix: Prefix

    @property
    def location(self) -> str:
        """The prefix as a URL."""
        return self.prefix.url

    def write(self, raw_object: str, data: bytes) -> None:
        """Write an object where there is none."""
        if not self.prefix.put_new(raw_object, data):
            raise taken(raw_object)

    def replace(self, raw_object: str, data: bytes) -> None:
        """Put other bytes in the place of an object's."""
        self.prefix.put(raw_object, data)

    def read(self, raw_object: str) -> bytes:
        """The object's bytes."""
        data = self.prefix.get(raw_object)
        if data is None:
            raise unreadable(raw_object, "No such object")
        return data

    def names(self) -> Iterator[str]:
        """Every object there is."""
        return (name for name, _ in self._objects())

    def changed(self, remembered: Mapping[str, int]) -> Iterator[Folder]:
        """Folders whose objects are not those remembered. Every object is listed, a thousand in a request.

        S3 keeps no times for folders: the mark is a hash of the names in it.
        """
        for folder, objects in groupby(self._objects(), key=_folder_of):
            sizes = dict(objects)
            mark = _signed(xxh3_64_intdigest("\n".join(sizes).encode()))
            if remembered.get(folder) != mark:
                yield Folder(folder, mark, sizes)

    def _objects(self) -> Iterator[tuple[str, int]]:
        found = self.prefix.listed()
        return (
            (name, size)
            for name, size in found
            if not name.rpartition("/")[2].startswith(".") and name[-1:] != "/"
        )


def _folder_of(item: tuple[str, int]) -> str:
    return item[0].rpartition("/")[0] or "."


def _signed(number: int) -> int:
    """SQLite keeps 64 bits with a sign."""
    return number - (1 << 63)


@dataclass(frozen=True, slots=True)
class S3Records:
    """Records under a prefix. See `lakehouse.records.Records`."""

    prefix: Prefix

    def below(self, name: str) -> S3Records:
        """The records of a folder in this one."""
        return S3Records(self.prefix.below(name))

    def read(self, name: str) -> bytes | None:
        """A record's bytes, or None where there is none."""
        return self.prefix.get(name + _SUFFIX)

    def write(self, name: str, data: bytes, *, exclusive: bool = False) -> None:
        """Write a record, where there is none if `exclusive`."""
        if not exclusive:
            self.prefix.put(name + _SUFFIX, data)
        elif not self.prefix.put_new(name + _SUFFIX, data):
            raise FileExistsError(f"{self.prefix.url}/{name}{_SUFFIX}")

    def names(self, *, after: str = "", most: int | None = None) -> list[str]:
        """Names of the records behind `after`, in order, at most so many."""
        found = self.prefix.listed(after=after and after + _SUFFIX, flat=True, most=most)
        return [name.removesuffix(_SUFFIX) for name, _ in found if name.endswith(_SUFFIX)]

    def delete(self, name: str) -> None:
        """Delete a record."""
        self.prefix.delete([name + _SUFFIX])


@dataclass(frozen=True, slots=True)
class S3Warehouse:
    """Data files under a prefix. See `lakehouse.warehouse.Warehouse`."""

    prefix: Prefix

    @property
    def location(self) -> str:
        """The prefix as a URL."""
        return self.prefix.url

    def written_by(self, run_id: str) -> list[str]:
        """URLs of the data files whose names begin with a run's id; every file is listed, a thousand in a request."""
        return [
            f"{self.location}/{name}"
            for name, _ in self.prefix.listed()
            if name.rpartition("/")[2].startswith(f"{run_id}-") and name.endswith(".parquet")
        ]

    def delete(self, files: Iterable[str]) -> None:
        """Delete files of the warehouse."""
        self.prefix.delete(file.removeprefix(f"{self.location}/") for file in files)


@cache
def arrow_filesystem() -> arrow_fs.S3FileSystem:
    """Arrow's view of S3, one in a process."""
    return arrow_fs.S3FileSystem(
        region=region(),
        endpoint_override=endpoint("s3"),
        allow_delayed_open=True,  # a small file is written by one request, not by three
        retry_strategy=arrow_fs.AwsStandardS3RetryStrategy(max_attempts=tries()),
    )


@contextmanager
def open_file(url: str) -> Iterator[NativeFile]:
    """A file of which ranges are read, by any number of threads."""
    with told(url), arrow_filesystem().open_input_file(url.removeprefix(SCHEME)) as file:
        yield file


def read_whole(url: str) -> bytes:
    """A file's bytes, by one request.

    Raises:
        FileNotFoundError: when there is none.
    """
    folder, _, name = url.rpartition("/")
    data = Prefix.of(folder).get(name)
    if data is None:
        raise FileNotFoundError(url)
    return data


def upload(file: Path, url: str) -> None:
    """Upload a whole file; until that is done there is no object."""
    target = Prefix.of(url)
    with told(url):
        client("s3").upload_file(str(file), target.bucket, target.key)


IO_PROPERTIES: Final = {"py-io-impl": "lakehouse._iceberg_s3.SharedFileIO"}
"""What pyiceberg is told of S3."""
