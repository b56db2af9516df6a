"""The verbs `check` and `new-provider`, registered by `harness.cli.app`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exits import CHECK_FAILED, WRONG_USAGE, end
from harness.cli.options import Arch, Dtypes, Ops

if TYPE_CHECKING:
    from harness.device.devices import Device
    from harness.store.records import Record

app = typer.Typer()


@app.command()
def check(
    provider: Annotated[
        str, typer.Argument(help="FILE.py (its code runs with your rights), or a provider.", metavar="PROVIDER")
    ],
    op: Ops = None,
    dtype: Dtypes = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    arch: Arch = None,
) -> None:
    """Say in seconds whether a provider is right: its signatures, and the gate over small cases; nothing is timed."""
    from harness import providers
    from harness.ops.cases import make_case
    from harness.ops.catalogue import MODEL_OPS, OPS
    from harness.store.vocabulary import Cause

    providers.check(provider)
    for each in op or ():
        make_case(each, (1,), "float32")
    for each in dtype or ():
        make_case("elu", (1,), each)
    from harness.device.devices import compiling_for, find_device

    found = find_device(device)
    found = compiling_for(found, arch) if arch else found
    every = [each for each in OPS if each not in MODEL_OPS]
    records = _checked(provider, op or every, dtype, found)
    if not op and not (records := [record for record in records if record.cause is not Cause.NO_FUNCTION]):
        end(f"{provider} defines no function named after an op; it may have {', '.join(every)}", WRONG_USAGE)
    failed = sum(not _passed(record) for record in records)
    _show(records, provider, found)
    if failed:
        end(f"{failed} of {len(records)} cases failed", CHECK_FAILED)


def _checked(spec: str, ops: list[str], dtypes: list[str] | None, device: Device) -> list[Record]:
    import tempfile

    from rich.console import Console

    from harness.run import checking

    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="elubench-") as folder, console.status("starting") as status:

        def on_stage(case: object, stage: str, provider: str | None) -> None:
            status.update(f"{stage}  {getattr(case, 'key', '')}")

        log = Path(folder) / "worker.log"
        return list(checking.check(spec, ops, dtypes or checking.DTYPES, device, log, on_stage))


def _passed(record: Record) -> bool:
    return record.outcome in ("ok", "validated")


def _show(records: Sequence[Record], spec: str, device: Device) -> None:
    from rich.console import Console

    from harness.ops.catalogue import OPS
    from harness.run.checking import SHAPE
    from reports.render.table import Column, Kind, Table, numbers, show
    from reports.text.formatting import params_text, significant, size_text

    why = [_why(record) for record in records]
    notes = [text for text in dict.fromkeys(why) if text]
    rows = tuple(
        (
            record.op,
            params_text(record.params, OPS[record.op].params),
            record.dtype,
            "pass" if _passed(record) else "fail",
            significant(record.max_ulp),
            str(notes.index(text) + 1) if text else "",
        )
        for record, text in zip(records, why, strict=True)
    )
    columns = (
        Column("op", Kind.WORD, is_shared=True),
        Column("params", Kind.WORD, is_shared=True),
        Column("dtype", Kind.WORD),
        Column("", Kind.WORD, styles={"pass": "green", "fail": "bold red"}),
        *numbers("ULP"),
        Column("why", Kind.WORD),
    )
    by = next((record.validated_by for record in records if record.validated_by), None)
    where = f"as compiled for {by.removeprefix('ptx ')}, on the emulated GPU" if by else f"on {device.name}"
    title = f"{spec}: signatures and gate, at {size_text(SHAPE)}, {where}"
    below = tuple(f"{number}  {text}" for number, text in enumerate(notes, 1))
    show(Table(title, columns, rows, below), Console())


def _why(record: Record) -> str:
    if _passed(record):
        return "; ".join(flag.meaning for flag in record.flags)
    return f"{record.outcome}: {record.reason}"


@app.command(name="new-provider")
def new_provider(
    file: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE.py")],
    op: Annotated[str, typer.Option(help="The op that it computes.")] = "elu",
) -> None:
    """Write a provider to begin with: a Triton kernel that passes `elubench check`."""
    from harness import providers
    from harness.providers.skeleton import op_named, skeleton

    if file.suffix != ".py":
        end(f"{file} is no name of a Python file; a provider ends in .py", WRONG_USAGE)
    providers.check_name(str(file))
    text = skeleton(op_named(op), shlex.quote(str(file)))
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        end(f"{file} is there already, and is left as it is; name another file", WRONG_USAGE)
    print(f"provider: {file}\nIs it right?  elubench check {shlex.quote(str(file))}")
