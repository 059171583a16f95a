"""What every service of AWS needs: a client, a region, an endpoint, and its errors in our words.

Settings come from AWS's own environment (AWS_REGION, AWS_ENDPOINT_URL, AWS_PROFILE …) and from nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, Literal, TypeAlias

from contracts.errors import LakeError, StorageError, UsageError

_TRIES: Final = 6
_GUIDE: Final = "docs/cookbooks/run-on-s3-and-glue.md"
_BUS_GUIDE: Final = "docs/cookbooks/publish-from-python.md"
_REFUSED: Final = re.compile(
    "AccessDenied|AuthFailure|Credential|ExpiredToken|Forbidden|InvalidAccessKeyId|InvalidClientTokenId|InvalidSignature"
    "|InvalidAccountId|MissingAuthenticationToken|NotAuthorized|SignatureDoesNotMatch|TokenRetrieval|UnauthorizedSSOToken"
    "|UnrecognizedClient|^403$|ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH"
)
_REDRIVE_GUIDE: Final = "docs/cookbooks/redrive-failed-deliveries.md"
_NO_QUEUE: Final = re.compile("InvalidAddress|NonExistentQueue|QueueDoesNotExist")
_NO_BUCKET: Final = re.compile("NoSuchBucket|NO_SUCH_BUCKET")
_PASSING: Final = re.compile(
    "Internal|LimitExceeded|ServiceFailure|SlowDown|Throttl|Timeout|TooManyRequests|Unavailable"
)
_OF_THE_EVENT: Final = frozenset({"InvalidArgument", "MalformedDetail", "RedactionFailure"})
_OF_ARROW: Final = re.compile(r"AWS Error (\w+)")
"""pyarrow raises a plain OSError; only its text says that it comes from S3."""

Fault: TypeAlias = Literal["passing", "refused", "unfit"]
"""Why a bus did not take an entry: it may the next time; it must not, until somebody mends that; it never will."""


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
    return _client(service, attempts=tries(), read_timeout=60)


def event_bus_client() -> Any:
    """A client for EventBridge that makes each request once: its user repeats, as it can repeat only what failed.

    Raises:
        UsageError: when boto3 is not installed, or no region is set.
    """
    return _client("events", attempts=1, read_timeout=10)


def queue_client() -> Any:
    """A client for SQS.

    Raises:
        UsageError: when boto3 is not installed, or no region is set.
    """
    return client("sqs")


def _client(service: str, *, attempts: int, read_timeout: float) -> Any:
    try:
        import boto3  # noqa: PLC0415 the embedded road runs without it
        from botocore.config import Config  # noqa: PLC0415 as above
    except ModuleNotFoundError as e:
        raise UsageError(
            "This needs AWS's library. Install it: pip install 'unified-commerce-lake[aws]'."
        ) from e
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=10,
        read_timeout=read_timeout,
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


@contextmanager
def told_of_queue(url: str) -> Iterator[None]:
    """Raise errors of SQS in our words; what was not deleted from a queue is still in it."""
    try:
        yield
    except Exception as e:
        code = code_of(e)
        if code is None:
            raise
        said = f"Queue {url} cannot be used ({_said(e, code)})."
        if _NO_QUEUE.search(code):
            raise UsageError(f"{said} Name a queue of this account and region by its URL.") from e
        if _REFUSED.search(code):
            todo = f"Mend the credentials or the permissions ({_REDRIVE_GUIDE} lists them)"
        else:
            todo = "Check the network and AWS_ENDPOINT_URL, or wait where the service is busy"
        raise StorageError(f"{said} {todo}, then run again.") from e


def has_bus(client: Any, bus: str) -> bool | None:
    """False where there is no such bus, to which PutEvents accepts events all the same, and drops them.

    True where there is one, or AWS would not tell; None where it could not be asked.
    """
    try:
        client.describe_event_bus(Name=bus)
    except Exception as e:
        fault = fault_of_call(e)
        if fault is None:
            raise
        return None if fault == "passing" else code_of(e) != "ResourceNotFoundException"
    return True


def fault_of_call(error: BaseException) -> Fault | None:
    """Why a whole call to a bus failed, or None where the error is not AWS's."""
    code = code_of(error)
    if code is None:
        return None
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        is_passing = status >= 500 or status == 429 or _PASSING.search(code)  # noqa: PLR2004 HTTP's own
        return "passing" if is_passing else "refused"
    return "passing" if _is_of_the_network(error) else "refused"


def _is_of_the_network(error: BaseException) -> bool:
    from botocore import exceptions  # noqa: PLC0415 as above

    return isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)


def fault_of_entry(code: str) -> Fault:
    """Why a bus took a call and not one entry of it, by its word; a word that is not known may pass."""
    if code in _OF_THE_EVENT:
        return "unfit"
    return "refused" if _REFUSED.search(code) else "passing"


def bus_refusal(bus: str, code: str, said: str, where: str) -> LakeError:
    """The error of a bus that must not take events until somebody mends that; `where` says where they are meanwhile."""
    what = f"Event bus {bus} does not take events ({said}). {where}"
    if _REFUSED.search(code):
        return StorageError(f"{what} Mend the credentials or the permissions ({_BUS_GUIDE} lists them).")
    return UsageError(f"{what} Mend the name of the bus, or what it says.")


def said_of(error: BaseException) -> str:
    """What AWS said, with its word for it, on one line."""
    return _said(error, code_of(error) or type(error).__name__)
