"""What can go wrong, in the words that callers are shown."""

from __future__ import annotations


class SetupError(Exception):
    """Trino cannot be had or started on this machine; the message is one line that says what to install or look at."""


class QueryFailedError(Exception):
    """A statement that ends as FAILED; the message is its StateChangeReason."""


class QueryCancelledError(Exception):
    """A statement that was stopped; it ends as CANCELLED."""


class ApiError(Exception):
    """An answer of the API that is an error.

    Attributes:
        kind: the exception's name on the wire, such as InvalidRequestException
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def invalid(message: str) -> ApiError:
    """What Athena calls a wrong request."""
    return ApiError("InvalidRequestException", message)


def unsupported_query() -> QueryFailedError:
    """What Athena says to statements that it has no support for."""
    return QueryFailedError("NOT_SUPPORTED: Queries of this type are not supported")
