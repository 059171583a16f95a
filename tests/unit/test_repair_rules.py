from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ContractError
from contracts.repairs import RepairRule, cast, load_repair_rule

RULE = """\
name: decimal-commas
reason: The till wrote amounts with a comma.
owner: payments
match:
  error_type: [bad_format, wrong_type]
  field: $.detail.lines[*].amount
steps:
  - {replace: amount, what: ",", by: ".", in: "$.detail.lines[*]"}
"""

# step, detail before, detail after
STEPS = [
    ("{replace: a, what: ',', by: '.'}", {"a": "1,5", "b": "1,5"}, {"a": "1.5", "b": "1,5"}),
    ("{replace: a, what: '^0+(?=.)', by: ''}", {"a": "0050"}, {"a": "50"}),
    ("{replace: a, what: ',', by: '.'}", {"a": 1}, {"a": 1}),
    ("{cast: a, to: integer}", {"a": "12"}, {"a": 12}),
    ("{cast: a, to: money}", {"a": Decimal("12.50")}, {"a": "12.50"}),
    ("{cast: a, to: integer}", {"b": "12"}, {"b": "12"}),
    ("{cast: a, to: integer}", {"a": [1]}, {"a": [1]}),
    ("{set: a, value: EUR}", {}, {"a": "EUR"}),
    ("{set: a, value: null}", {"a": "x"}, {"a": None}),
    ("{remove: a}", {"a": 1, "b": 2}, {"b": 2}),
    ("{remove: a}", {"b": 2}, {"b": 2}),
    ("{rename: a, to: b}", {"a": 1}, {"b": 1}),
    ("{rename: a, to: b}", {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    ("{remove: a, in: '$.detail.lines[*]'}", {"a": 1, "lines": [{"a": 1}, {"b": 1}, 7]}, {"a": 1, "lines": [{}, {"b": 1}, 7]}),
    ("{remove: a, in: '$.detail.lines[?@.kind == 1]'}", {"lines": [{"a": 1, "kind": 1}, {"a": 1}]}, {"lines": [{"kind": 1}, {"a": 1}]}),
    ("{remove: a, in: '$.detail.nowhere'}", {"a": 1}, {"a": 1}),
]  # fmt: skip

# value, kind, what becomes of it; the value itself where it cannot be that without loss
CASTS: list[tuple[str | int | Decimal, str, Any]] = [
    (7, "string", "7"),
    (Decimal("1.50"), "string", "1.50"),
    (True, "string", "true"),
    (" 12 ", "integer", 12),
    ("12.0", "integer", 12),
    ("12.5", "integer", "12.5"),
    (True, "integer", True),
    ("NaN", "number", "NaN"),
    ("1.50", "number", Decimal("1.50")),
    (12, "money", "12"),
    ("1e2", "money", "100"),
    ("1,5", "money", "1,5"),
    ("Yes", "boolean", True),
    (0, "boolean", False),
    ("maybe", "boolean", "maybe"),
]


def rule(tmp_path: Path, text: str) -> RepairRule:
    path = tmp_path / "rule.yaml"
    path.write_text(text)
    return load_repair_rule(path)


@pytest.mark.parametrize(("step", "before", "after"), STEPS)
def test_a_step_changes_what_it_names_and_nothing_else(
    step: str, before: dict[str, Any], after: dict[str, Any], tmp_path: Path
) -> None:
    record = {"source": "till", "detail": copy.deepcopy(before)}
    rule(tmp_path, RULE.partition("steps:")[0] + f"steps:\n  - {step}\n").repair(record)
    assert record == {"source": "till", "detail": after}
    assert {k: type(v) for k, v in record["detail"].items()} == {k: type(v) for k, v in after.items()}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("value", "kind", "found"), CASTS)
def test_a_cast_loses_nothing(value: str | int | Decimal, kind: str, found: Any) -> None:
    made = cast(value, kind)
    assert (made, type(made)) == (found, type(found))


@given(
    st.text() | st.integers() | st.decimals() | st.booleans(),
    st.sampled_from(["string", "integer", "number", "boolean", "money"]),
)
def test_whatever_is_cast_becomes_the_kind_or_stays(value: str | int | Decimal, kind: str) -> None:
    kinds = {"string": str, "integer": int, "number": Decimal, "boolean": bool, "money": str}
    made = cast(value, kind)
    assert made is value or isinstance(made, kinds[kind])


@pytest.mark.parametrize(
    ("row", "is_matched"),
    [
        ({"error_type": "bad_format", "field": "$.detail.lines[3].amount"}, True),
        ({"error_type": "wrong_type", "field": "$.detail.lines[0].amount"}, True),
        ({"error_type": "not_in_enum", "field": "$.detail.lines[0].amount"}, False),
        ({"error_type": "bad_format", "field": "$.detail.amount"}, False),
        ({"error_type": "bad_format", "field": None}, False),
    ],
)
def test_a_rule_matches_by_every_column_that_it_names(
    row: dict[str, Any],
    is_matched: bool,  # noqa: FBT001 a case of the table
    tmp_path: Path,
) -> None:
    assert rule(tmp_path, RULE).matches({"event_type": "order_placed", **row}) is is_matched


@pytest.mark.parametrize(
    ("good", "bad", "line", "message"),
    [
        ("reason: The till wrote amounts with a comma.\n", "", 1, "says its 'reason'"),
        ("owner", "ower", 3, "key 'ower' is not supported"),
        ("  field", "  fild", 6, "column 'fild' is not supported"),
        ("{replace: amount, ", "{replac: amount, ", 8, "a step is one of: replace, cast"),
        (', by: "."', "", 8, "'replace' needs 'by'"),
        (', by: "."', ', by: ".", to: x', 8, "key 'to' is not supported"),
        ('$.detail.lines[*]"}', '$.detail.lines["}', 8, "'in' is no JSONPath"),
        ('what: ","', 'what: "("', 8, "'what' is no regular expression"),
        ('{replace: amount, what: ",", by: "."', "{cast: amount, to: decimal", 8, "cast to 'decimal' is not supported"),
        ("  - {replace", "  - replace # {", 7, "a step is a mapping"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_and_line(
    good: str, bad: str, line: int, message: str, tmp_path: Path
) -> None:
    assert good in RULE
    with pytest.raises(ContractError) as caught:
        rule(tmp_path, RULE.replace(good, bad))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/rule.yaml:{line}: ")
