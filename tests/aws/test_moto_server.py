"""The stand-ins are as strict as AWS: what would be lost there without a word is refused here too."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import at, serving, settings

from lakehouse._aws import client, code_of


def updated_twice(database: str) -> Any:
    """Update a table from one version twice, as two writers do that read it at one moment; what the second is told."""
    glue = client("glue")
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(DatabaseName=database, TableInput={"Name": "things"})
    version = glue.get_table(DatabaseName=database, Name="things")["Table"]["VersionId"]
    update = {"DatabaseName": database, "VersionId": version}
    glue.update_table(**update, TableInput={"Name": "things", "Description": "first"})
    try:
        glue.update_table(**update, TableInput={"Name": "things", "Description": "second"})
    except glue.exceptions.ClientError as e:
        return code_of(e)
    return glue.get_table(DatabaseName=database, Name="things")["Table"]["Description"]


def test_the_later_of_two_writers_is_refused_by_glue() -> None:
    assert updated_twice("versions") == "ConcurrentModificationException"


def test_without_the_strictness_the_first_write_would_be_lost_without_a_word() -> None:
    with serving("lenient") as address, settings(**at(address)):
        assert updated_twice("versions") == "second"


@pytest.mark.parametrize("service", ["s3", "glue"])
def test_every_service_is_asked_where_the_environment_says(aws: str, service: str) -> None:
    assert client(service).meta.endpoint_url == aws
