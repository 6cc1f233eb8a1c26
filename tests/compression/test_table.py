"""The table of smaller versions: what speaks against adopting one of its rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retrieval.compression import Table
from tests import tables


@pytest.mark.parametrize(
    ("pace", "runtime", "cautions"),
    [
        (136.0, "openvino-bf16", ()),
        (500.0, "openvino-int8", ()),
        (125.0, "openvino-bf16", ()),  # within what measuring is off by
        (60.0, "openvino-bf16", ("slower",)),
        (60.0, "torch-cpu", ("slower", "other_runtime")),
        (200.0, "torch-cpu", ("other_runtime",)),
    ],
)
def test_a_slower_row_and_one_of_another_runtime_have_cautions(pace, runtime, cautions):
    full = replace(tables.line("full"), pictures_per_second=136.0, runtime="openvino-bf16")
    other = replace(tables.line("int8"), pictures_per_second=pace, runtime=runtime)
    assert Table("whole", (full, other), "", ()).cautions(other) == cautions
    assert Table("whole", (full, other), "", ()).cautions(full) == ()
