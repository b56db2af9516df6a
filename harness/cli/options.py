"""Options that several verbs take. What a table prints is accepted: `4096×4096`, `bf16`."""

from __future__ import annotations

from typing import Annotated

import typer


def _dtypes(names: list[str] | None) -> list[str]:
    from harness.ops.cases import full_dtype

    return [full_dtype(name) for name in names or []]


def _case(text: str) -> str:
    from harness.ops.cases import full_text

    return full_text(text)


Ops = Annotated[list[str] | None, typer.Option("--op", help="Only this op; may be repeated.")]
Dtypes = Annotated[
    list[str] | None, typer.Option("--dtype", callback=_dtypes, help="Only this dtype; may be repeated.")
]
Arch = Annotated[
    str | None,
    typer.Option(help="Without a GPU: what kernels are compiled for, to be run by the emulated GPU.  [default: sm_90]"),
]
CaseText = Annotated[
    str, typer.Option("--case", callback=_case, help="Only cases with this text in their key, such as 4096x4096.")
]
Shapes = Annotated[
    list[str] | None,
    typer.Option("--shape", help="Only this shape, such as 4096x4096, in place of a sweep; may be repeated."),
]
Providers = Annotated[
    list[str] | None,
    typer.Option("--provider", help="This provider, or FILE.py (its code runs with your rights); may be repeated."),
]
Regimes = Annotated[
    list[str] | None,
    typer.Option("--regime", help="auto, cold, graph, warm or host; may be repeated.  [default: the sweep's]"),
]
FlushKind = Annotated[
    str | None,
    typer.Option("--flush", help="dirty or clean: a GPU's L2 before each cold call.  [default: the sweep's]"),
]
Report = Annotated[bool, typer.Option(help="Write RUN/report/ at the end.", envvar="ELUBENCH_REPORT", show_envvar=True)]
Inspect = Annotated[
    bool, typer.Option(help="Count the kernels' machine code.", envvar="ELUBENCH_INSPECT", show_envvar=True)
]
