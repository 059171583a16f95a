"""Objects in S3."""

from __future__ import annotations

from typing import Any

from local_athena.errors import QueryFailedError


def parted(location: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`.

    Raises:
        QueryFailedError: it is no such location
    """
    scheme, sign, path = location.partition("://")
    bucket, _, key = path.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not sign or not bucket:
        raise QueryFailedError(f"INVALID_TABLE_PROPERTY: {location!r} is no location in S3")
    return bucket, key


def folder(location: str) -> str:
    """A location with one slash behind it."""
    return location.rstrip("/") + "/"


class Storage:
    """S3, by locations."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def make_bucket(self, name: str, region: str) -> None:
        """Make a bucket."""
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self._s3.create_bucket(Bucket=name, **({} if region == "us-east-1" else elsewhere))

    def write(self, location: str, content: str) -> None:
        """Write an object."""
        bucket, key = parted(location)
        self._s3.put_object(Bucket=bucket, Key=key, Body=content.encode())

    def under(self, location: str) -> list[str]:
        """Locations of all objects in a folder."""
        bucket, key = parted(folder(location))
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        return [f"s3://{bucket}/{found['Key']}" for page in pages for found in page.get("Contents", [])]

    def check_empty(self, table: str, location: str) -> None:
        """Athena never writes into a folder that holds something.

        Raises:
            QueryFailedError: the folder holds something
        """
        if self.under(location):
            raise QueryFailedError(
                f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{table}' already exists: {location}. "
                "You may need to manually clean the data at that location before retrying. "
                "Athena will not delete data in your account."
            )
