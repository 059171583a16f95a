"""Athena's API: what each operation does (https://docs.aws.amazon.com/athena/latest/APIReference/API_Operations.html)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from local_athena import metadata
from local_athena.errors import ApiError, QueryFailedError, invalid
from local_athena.queries import RUNNING_STATES, Execution
from local_athena.reader import pattern, unquoted
from local_athena.runs import Runs, page
from local_athena.services import Services, check_catalog
from local_athena.workgroups import PRIMARY, Workgroups

Body = dict[str, Any]

# https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
_MOST_BYTES: Final = 262144
_WAIT_SECONDS: Final = 0.3
_LISTED: Final = 50


class Api:
    """The operations of Athena that clients of SQL use."""

    def __init__(self, services: Services, workgroups: Workgroups) -> None:
        self._services = services
        self._workgroups = workgroups
        self._runs = Runs(services)
        self._named: dict[str, Body] = {}

    def answer(self, operation: str, body: Body) -> Body:
        """Answer a request.

        Raises:
            ApiError: the answer is an error
        """
        handler = _OPERATIONS.get(operation)
        if handler is None:
            raise invalid(f"local_athena does not know the operation {operation}")
        try:
            return handler(self, body)
        except QueryFailedError as e:
            raise invalid(str(e)) from e
        except KeyError as e:
            raise invalid(f"{operation} needs {e}") from e

    def _start_query_execution(self, body: Body) -> Body:
        sql, workgroup = body["QueryString"], body.get("WorkGroup") or PRIMARY
        if len(sql.encode()) > _MOST_BYTES:
            raise invalid(f"1 validation error detected: queryString is longer than {_MOST_BYTES} bytes")
        context = body.get("QueryExecutionContext") or {}
        check_catalog(unquoted(context.get("Catalog") or "awsdatacatalog"))
        asked = (body.get("ResultConfiguration") or {}).get("OutputLocation")
        location = self._workgroups.output(workgroup, asked)
        execution = Execution(
            sql=sql,
            database=unquoted(context.get("Database") or "default").lower(),
            output="",
            workgroup=workgroup,
            parameters=list(body.get("ExecutionParameters") or []),
        )
        execution.output = f"{location.rstrip('/')}/{execution.id}.csv"
        self._runs.start(execution)
        execution.ended.wait(_WAIT_SECONDS)
        return {"QueryExecutionId": execution.id}

    def _get_query_execution(self, body: Body) -> Body:
        execution = self._runs.get(body["QueryExecutionId"])
        execution.ended.wait(_WAIT_SECONDS)
        return {"QueryExecution": execution.description()}

    def _batch_get_query_execution(self, body: Body) -> Body:
        found, missing = [], []
        for identifier in body["QueryExecutionIds"]:
            try:
                found.append(self._runs.get(identifier).description())
            except ApiError as e:
                missing.append({"QueryExecutionId": identifier, "ErrorCode": e.kind, "ErrorMessage": str(e)})
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}

    def _get_query_results(self, body: Body) -> Body:
        execution = self._runs.get(body["QueryExecutionId"])
        return page(execution, body.get("NextToken"), body.get("MaxResults"))

    def _get_query_runtime_statistics(self, body: Body) -> Body:
        execution = self._runs.get(body["QueryExecutionId"])
        rows = {"InputBytes": execution.scanned_bytes, "OutputRows": len(execution.rows)}
        return {"QueryRuntimeStatistics": {"Rows": rows}}

    def _stop_query_execution(self, body: Body) -> Body:
        execution = self._runs.get(body["QueryExecutionId"])
        if execution.state in RUNNING_STATES:
            execution.stopped.set()
        return {}

    def _list_query_executions(self, body: Body) -> Body:
        found = self._runs.newest(body.get("WorkGroup") or PRIMARY)
        return _paged("QueryExecutionIds", found, body)

    def _create_work_group(self, body: Body) -> Body:
        self._workgroups.create(body["Name"], body.get("Configuration") or {}, body.get("Description") or "")
        return {}

    def _update_work_group(self, body: Body) -> Body:
        self._workgroups.update(body["WorkGroup"], dict(body.get("ConfigurationUpdates") or {}))
        return {}

    def _get_work_group(self, body: Body) -> Body:
        return {"WorkGroup": self._workgroups.get(body["WorkGroup"])}

    def _delete_work_group(self, body: Body) -> Body:
        self._workgroups.delete(body["WorkGroup"])
        return {}

    def _list_work_groups(self, body: Body) -> Body:
        return _paged("WorkGroups", self._workgroups.all(), body)

    def _put_prepared_statement(self, body: Body) -> Body:
        workgroup = self._workgroups.get(body["WorkGroup"])["Name"]
        name, sql = body["StatementName"], body["QueryStatement"]
        self._services.prepared.prepare(workgroup, name, sql, body.get("Description"))
        return {}

    def _get_prepared_statement(self, body: Body) -> Body:
        found = self._services.prepared.get(body["WorkGroup"], body["StatementName"])
        return {"PreparedStatement": found}

    def _delete_prepared_statement(self, body: Body) -> Body:
        self._services.prepared.get(body["WorkGroup"], body["StatementName"])
        self._services.prepared.forget(body["WorkGroup"], body["StatementName"])
        return {}

    def _list_prepared_statements(self, body: Body) -> Body:
        return _paged("PreparedStatements", self._services.prepared.of(body["WorkGroup"]), body)

    def _create_named_query(self, body: Body) -> Body:
        identifier = str(uuid.uuid4())
        kept = ("Name", "Description", "Database", "QueryString")
        named = {key: body[key] for key in kept if key in body}
        self._named[identifier] = {
            **named,
            "NamedQueryId": identifier,
            "WorkGroup": body.get("WorkGroup") or PRIMARY,
        }
        return {"NamedQueryId": identifier}

    def _get_named_query(self, body: Body) -> Body:
        if body["NamedQueryId"] not in self._named:
            raise invalid(f"NamedQuery {body['NamedQueryId']} was not found")
        return {"NamedQuery": self._named[body["NamedQueryId"]]}

    def _delete_named_query(self, body: Body) -> Body:
        self._get_named_query(body)
        del self._named[body["NamedQueryId"]]
        return {}

    def _list_named_queries(self, body: Body) -> Body:
        workgroup = body.get("WorkGroup") or PRIMARY
        return _paged(
            "NamedQueryIds", [k for k, q in self._named.items() if q["WorkGroup"] == workgroup], body
        )

    def _get_data_catalog(self, body: Body) -> Body:
        check_catalog(body["Name"])
        return {"DataCatalog": metadata.DATA_CATALOG}

    def _list_data_catalogs(self, _: Body) -> Body:
        return {"DataCatalogsSummary": [metadata.SUMMARY]}

    def _get_database(self, body: Body) -> Body:
        check_catalog(body["CatalogName"])
        return {"Database": metadata.database(self._services.catalogue, body["DatabaseName"])}

    def _list_databases(self, body: Body) -> Body:
        check_catalog(body["CatalogName"])
        return _paged("DatabaseList", [{"Name": n} for n in self._services.catalogue.databases()], body)

    def _get_table_metadata(self, body: Body) -> Body:
        check_catalog(body["CatalogName"])
        found = metadata.table(self._services.catalogue, body["DatabaseName"], body["TableName"])
        return {"TableMetadata": found}

    def _list_table_metadata(self, body: Body) -> Body:
        check_catalog(body["CatalogName"])
        wanted = pattern(body.get("Expression") or "*")
        tables = self._services.catalogue.tables(body["DatabaseName"].lower())
        found = [metadata.described(table) for table in tables if wanted.fullmatch(table["Name"])]
        return _paged("TableMetadataList", found, body)


def _paged(key: str, found: list[Any], body: Body) -> Body:
    begin = int(body.get("NextToken") or 0)
    end = begin + int(body.get("MaxResults") or _LISTED)
    return {key: found[begin:end], **({"NextToken": str(end)} if end < len(found) else {})}


def _handler(operation: str) -> Callable[[Api, Body], Body]:
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)
    handler: Callable[[Api, Body], Body] = getattr(Api, snake)
    return handler


_OPERATIONS: Final = {
    name: _handler(name)
    for name in [
        "StartQueryExecution",
        "GetQueryExecution",
        "BatchGetQueryExecution",
        "GetQueryResults",
        "GetQueryRuntimeStatistics",
        "StopQueryExecution",
        "ListQueryExecutions",
        "CreateWorkGroup",
        "UpdateWorkGroup",
        "GetWorkGroup",
        "DeleteWorkGroup",
        "ListWorkGroups",
        "GetPreparedStatement",
        "DeletePreparedStatement",
        "ListPreparedStatements",
        "CreateNamedQuery",
        "GetNamedQuery",
        "DeleteNamedQuery",
        "ListNamedQueries",
        "GetDataCatalog",
        "ListDataCatalogs",
        "GetDatabase",
        "ListDatabases",
        "GetTableMetadata",
        "ListTableMetadata",
    ]
} | dict.fromkeys(("CreatePreparedStatement", "UpdatePreparedStatement"), _handler("PutPreparedStatement"))
