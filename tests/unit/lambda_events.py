"""Events as AWS hands them to Lambda functions, in the shapes that its documentation records."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

SOURCES: Final = Path(__file__).parents[1] / "e2e" / "sources"


class Context:
    """What a function knows of its call."""

    function_name = "lake"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:lake"
    aws_request_id = "8f507cfc-xmpl-4697-b07a-ac58fc914c95"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def dynamodb(number: int) -> dict[str, Any]:
    """A batch of a stream: changes of which each becomes one event."""
    sent = (json.loads(text) for text in (SOURCES / "dynamodb/sent.ndjson").read_text().splitlines())
    changes = [each for batch in sent for each in batch["Records"] if each["eventName"] == "INSERT"]
    return {"Records": [_numbered(index, each) for index, each in enumerate(changes[:number])]}


def _numbered(index: int, change: dict[str, Any]) -> dict[str, Any]:
    """A change with an event id and a sequence number that no other has, as in a stream."""
    sequence = f"44215845000000000174504390{index:02}"
    told = {**change["dynamodb"], "SequenceNumber": sequence}
    return {**change, "eventID": f"17cb10dfd97ccbd442d7e61c94a313{index:02}", "dynamodb": told}


def kinesis(*payloads: bytes) -> dict[str, Any]:
    """A batch of a data stream."""
    return {"Records": [_of_kinesis(number, each) for number, each in enumerate(payloads)]}


def _of_kinesis(number: int, payload: bytes) -> dict[str, Any]:
    sequence = f"4959033827149025660855969253836157109592157598913613695{number}"
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "shop.products",
            "sequenceNumber": sequence,
            "data": base64.b64encode(payload).decode(),
            "approximateArrivalTimestamp": 1793610000.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000006:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/shop-changes",
    }


def firehose(*data: bytes | str) -> dict[str, Any]:
    """A batch of Firehose; text is put in as it is, where base64 should be."""
    return {
        "invocationId": "2b4d1ad9-2f48-94bd-a088-767c317e994a",
        "sourceKinesisStreamArn": None,
        "deliveryStreamArn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/raw",
        "region": "eu-west-1",
        "records": [
            {
                "recordId": f"record{number}",
                "approximateArrivalTimestamp": 1793610000000,
                "data": each if isinstance(each, str) else base64.b64encode(each).decode(),
            }
            for number, each in enumerate(data)
        ],
    }


def request(
    path: str, body: bytes = b"", *, headers: dict[str, str] | None = None, query: str = "", encoded: bool = False, method: str = "POST"
) -> dict[str, Any]:  # fmt: skip
    """A call of a function URL; API Gateway's HTTP API says the same (payload format 2.0)."""
    host = "abcdefg.lambda-url.eu-west-1.on.aws"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "content-type": "application/json",
            "host": host,
            "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            "x-forwarded-for": "205.255.255.176",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **(headers or {}),
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefg",
            "domainName": host,
            "domainPrefix": "abcdefg",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "205.255.255.176",
                "userAgent": "curl/8.9.1",
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "02/Nov/2026:09:30:00 +0000",
            "timeEpoch": 1793611800000,
        },
        "body": base64.b64encode(body).decode() if encoded else body.decode(),
        "isBase64Encoded": encoded,
    }


def gateway_v1(path: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """A call by way of API Gateway's REST API (payload format 1.0)."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "POST",
        "headers": {"Host": "id.execute-api.eu-west-1.amazonaws.com", "X-Forwarded-Port": "443", **headers},
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.strip("/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": "POST",
            "path": f"/prod{path}",
            "stage": "prod",
            "identity": {"sourceIp": "205.255.255.176"},
        },
        "body": body.decode(),
        "isBase64Encoded": False,
    }
