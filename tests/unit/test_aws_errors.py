from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from contracts.errors import StorageError, UsageError
from lakehouse import _aws
from lakehouse._aws import storage_error, told


def answered(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "It said so."}}, "PutObject")


def of_arrow(code: str) -> OSError:
    return OSError(
        f"When reading information for key 'a' in bucket 'b': AWS Error {code} during HeadObject operation"
    )


@pytest.mark.parametrize(
    ("error", "todo"),
    [
        (answered("NoSuchBucket"), "Make the bucket"),
        (of_arrow("NO_SUCH_BUCKET"), "Make the bucket"),
        (answered("AccessDenied"), "permissions"),
        (answered("ExpiredTokenException"), "permissions"),
        (answered("UnrecognizedClientException"), "permissions"),
        (of_arrow("ACCESS_DENIED"), "permissions"),
        (NoCredentialsError(), "permissions"),
        (answered("ThrottlingException"), "wait where the service is busy"),
        (answered("SlowDown"), "wait where the service is busy"),
        (of_arrow("NETWORK_CONNECTION"), "Check the network"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "Check the network"),
    ],
)
def test_an_error_of_aws_says_what_cannot_be_used_and_what_to_do(error: Exception, todo: str) -> None:
    found = storage_error(error, "s3://bucket/lake")
    assert isinstance(found, StorageError)
    assert str(found).startswith("s3://bucket/lake cannot be used (")
    assert todo in str(found)
    assert str(found).endswith(", then run again.")
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "error", [OSError("No space left on device"), ValueError("AWS Error"), KeyError("x")]
)
def test_other_errors_are_left_as_they_are(error: Exception) -> None:
    assert storage_error(error, "s3://bucket/lake") is None
    with pytest.raises(type(error)), told("s3://bucket/lake"):
        raise error


def test_an_error_of_aws_is_raised_in_our_words() -> None:
    with pytest.raises(StorageError, match="SlowDown"), told("s3://bucket/lake"):
        raise answered("SlowDown")


def test_without_a_region_the_program_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(UsageError, match="Set AWS_REGION"):
        _aws.region()


def test_the_region_is_the_one_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert _aws.region() == "eu-north-1"


def test_a_service_may_have_an_endpoint_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2")
    assert (_aws.endpoint("s3"), _aws.endpoint("glue")) == ("http://127.0.0.1:2", "http://127.0.0.1:1")
