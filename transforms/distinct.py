"""A function of one text, over a column: called once for each distinct value."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa


def each_distinct(
    column: pa.Array | pa.ChunkedArray, function: Callable[[str], object], type_: pa.DataType
) -> pa.Array:
    """What `function` makes of each text in a column, as an array of `type_`; null where the text is."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    found = whole.dictionary_encode()
    return pa.array([function(each) for each in found.dictionary.to_pylist()], type_).take(found.indices)
