"""The names and the order of variants and dtypes in figures, charts and on the page."""

from __future__ import annotations

import re

from harness.ops.catalogue import OPS
from harness.ops.op import ITEM_BYTES
from reports.analysis.summary import TimedGroup
from reports.text.formatting import layout_text, params_text, printable

_DTYPES = ("bfloat16", "float16", *(dtype for dtype in ITEM_BYTES if dtype not in ("bfloat16", "float16")))


def variant_text(group: TimedGroup) -> str:
    """What sets a group off from its op's defaults: parameters, layout, cache; empty for none."""
    defaults = OPS[group.op].params if group.op in OPS else {}
    layout = layout_text(group.layout, group.data)
    regime = {"cold": "", "graph": "in a graph"}.get(group.regime, f"{group.regime} cache")
    return printable("  ".join(part for part in (params_text(group.params, defaults), layout, regime) if part), 80)


def file_stem(kind: str, op: str) -> str:
    """The name of a file without its ending: an op's name may come from anybody, and may not lead elsewhere."""
    return f"{kind}-{re.sub(r'[^A-Za-z0-9_]+', '-', op)[:80]}"


def dtype_order(dtype: str) -> tuple[int, str]:
    """Known dtypes by width, then others by name."""
    return (_DTYPES.index(dtype) if dtype in _DTYPES else len(_DTYPES), dtype)
