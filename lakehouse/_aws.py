"""What every service of AWS needs: a client, a region, an endpoint, and its errors in our words.

Settings come from AWS's own environment (AWS_REGION, AWS_ENDPOINT_URL, AWS_PROFILE …) and from nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from contracts.errors import StorageError, UsageError

_TRIES: Final = 6
_GUIDE: Final = "docs/cookbooks/run-on-s3-and-glue.md"
_REFUSED: Final = re.compile(
    "AccessDenied|AuthFailure|Credential|ExpiredToken|Forbidden|InvalidAccessKeyId|InvalidClientTokenId|InvalidSignature"
    "|MissingAuthenticationToken|SignatureDoesNotMatch|TokenRetrieval|UnauthorizedSSOToken|UnrecognizedClient|^403$"
    "|ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH"
)
_NO_BUCKET: Final = re.compile("NoSuchBucket|NO_SUCH_BUCKET")
_OF_ARROW: Final = re.compile(r"AWS Error (\w+)")
"""pyarrow raises a plain OSError; only its text says that it comes from S3."""


def region() -> str:
    """The region, which botocore and Arrow would look for in different places.

    Raises:
        UsageError: when none is set.
    """
    import boto3  # noqa: PLC0415 the embedded road runs without it

    found = os.environ.get("AWS_REGION") or boto3.Session().region_name
    if not found:
        raise UsageError("No AWS region is set. Set AWS_REGION, or `region` in AWS's configuration file.")
    return str(found)


def endpoint(service: str) -> str | None:
    """Where the service is, if not where AWS has it."""
    return os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")


def tries() -> int:
    """How often a request is made, in all, where a service is busy or out of reach."""
    return int(os.environ.get("AWS_MAX_ATTEMPTS", _TRIES))


@cache
def client(service: str) -> Any:
    """A client of this process for a service; clients may be shared by threads, never by processes.

    Raises:
        UsageError: when boto3 is not installed, or no region is set.
    """
    try:
        import boto3  # noqa: PLC0415 the embedded road runs without it
        from botocore.config import Config  # noqa: PLC0415 as above
    except ModuleNotFoundError as e:
        raise UsageError(
            "This profile needs AWS's library. Install it: pip install 'unified-commerce-lake[aws]'."
        ) from e
    config = Config(
        retries={"mode": "standard", "total_max_attempts": tries()},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=16,
    )
    return boto3.client(service, region_name=region(), endpoint_url=endpoint(service), config=config)


def code_of(error: BaseException) -> str | None:
    """AWS's word for what went wrong, or None where the error is not AWS's."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", "unknown"))
    if type(error).__module__.partition(".")[0] in {"boto3", "botocore"}:
        return type(error).__name__
    found = _OF_ARROW.search(str(error)) if isinstance(error, OSError) else None
    return found[1] if found else None


def storage_error(error: BaseException, what: str) -> StorageError | None:
    """The error in our words, or None where it is not AWS's."""
    code = code_of(error)
    if code is None:
        return None
    if _NO_BUCKET.search(code):
        todo = "Make the bucket, or mend `store` in lake.toml"
    elif _REFUSED.search(code):
        todo = f"Mend the credentials or the permissions ({_GUIDE} lists them)"
    else:
        todo = "Check the network and AWS_ENDPOINT_URL, or wait where the service is busy"
    return StorageError(f"{what} cannot be used ({_said(error, code)}). {todo}, then run again.")


def _said(error: BaseException, code: str) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text if code in text else f"{code}: {text}"


@contextmanager
def told(what: str) -> Iterator[None]:
    """Raise errors of AWS in our words; `what` names what cannot be used."""
    try:
        yield
    except Exception as e:
        error = storage_error(e, what)
        if error is None:
            raise
        raise error from e
