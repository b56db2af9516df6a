"""The verb `inspect`, registered by `harness.cli.app`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exits import WRONG_USAGE, end
from harness.cli.options import Dtypes, Ops
from harness.store.vocabulary import Regime

if TYPE_CHECKING:
    from rich.console import Console

    from harness.machine_code.rows import InspectedRow
    from harness.predict.devices import DeviceModel

app = typer.Typer()

Validate = Annotated[
    bool,
    typer.Option(
        "--validate",
        help="Instead of counting, run the machine code and the PTX of each kernel on the emulated GPU, and compare "
        "every bit; exit with 1 where one differs. Default architecture: sm_90. --markdown: the opcodes.",
    ),
]

Predict = Annotated[
    bool,
    typer.Option(
        "--predict",
        help="Instead of counts, the time and the bandwidth of each kernel by size, modelled, and what binds at each.",
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(help="With --predict: H100, H200, A100, B200, …; may be repeated. Default: those of the --arch."),
]
PredictedSweep = Annotated[
    str | None,
    typer.Option(
        help="With --predict: a sweep with [[workloads]], such as ppo, by name or file. What swapping the kernel would "
        "save in its models, modelled."
    ),
]

Archs = Annotated[
    list[str] | None,
    typer.Option(help="sm_80, sm_86, sm_89, sm_90, sm_100, sm_120 or gfx942; may be repeated. Default: most."),
]
Providers = Annotated[
    list[str] | None,
    typer.Option(
        help="FILE.py with kernels in Triton, shown beside ours (its code runs with your rights); or eager, for the "
        "kernels in the library of a CUDA build of PyTorch; may be repeated."
    ),
]
Listings = Annotated[
    Path | None, typer.Option(help="Write the machine code of each kernel into this directory, as text.")
]
TorchLibrary = Annotated[
    Path | None,
    typer.Option(
        envvar="ELUBENCH_TORCH_LIBRARY",
        help="With --provider eager: the libtorch_cuda.so of a CUDA build. Default: that of the torch installed.",
    ),
]
Check = Annotated[
    bool, typer.Option("--check", help="Exit with 1 where a kernel exceeds harness/machine_code/budgets.toml.")
]


@app.command()
def inspect(
    arch: Archs = None,
    op: Ops = None,
    dtype: Dtypes = None,
    provider: Providers = None,
    torch_library: TorchLibrary = None,
    json: Annotated[bool, typer.Option("--json", help="The rows as a JSON list.")] = False,
    listings: Listings = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The tables as Markdown.")] = False,
    check: Check = False,
    validate: Validate = False,
    predict: Predict = False,
    device: Devices = None,
    sweep: PredictedSweep = None,
    regime: Annotated[Regime, typer.Option(help="With --predict: graph, cold or warm.")] = Regime.GRAPH,
) -> None:
    """Count the machine code of every kernel; no GPU needed."""
    if json and markdown:
        end("choose one of --markdown and --json", WRONG_USAGE)
    if (device or sweep) and not predict:
        what = "--device says what to predict for" if device else "--sweep says whose times to predict"
        end(f"{what}: give --predict, too", WRONG_USAGE)
    if (validate or predict) and (listings or check or (validate and predict)):
        what = "--validate counts nothing" if validate else "--predict shows times"
        end(f"{what}: leave --check and --listings{' and --predict' if validate else ''}", WRONG_USAGE)
    if torch_library is not None:
        os.environ["ELUBENCH_TORCH_LIBRARY"] = str(torch_library)
    if validate:
        _validate(arch or ["sm_90"], provider or ["triton"], op or (), dtype or (), json, markdown)
    elif predict:
        devices = _devices(device or (), arch or ())
        archs = list(dict.fromkeys(each.sheet.arch for each in devices))
        if sweep is not None:
            _predict_workloads(sweep, archs, provider or (), devices, regime, json, markdown)
            return
        rows = _surveyed(archs, provider or (), op or (), dtype or _PREDICTED_DTYPES)
        _print_curves(rows, devices, regime, json, markdown)
    else:
        rows = _surveyed(arch or (), provider or (), op or (), dtype or (), listings)
        _print(rows, json, markdown)
        if check:
            _check(rows)


def _surveyed(
    archs: Sequence[str],
    specs: Sequence[str],
    ops: Sequence[str],
    dtypes: Sequence[str],
    listings: Path | None = None,
) -> tuple[InspectedRow, ...]:
    """The rows of this suite's kernels and of the files', for the architectures or for most where none is named."""
    from rich.console import Console

    from harness import providers
    from harness.machine_code.survey import ARCHS, EAGER, check, survey_beside_ours

    archs = archs or ARCHS
    for spec in specs:
        check(archs, spec, ops, dtypes)
    if EAGER in specs:
        _take_kernels(archs, Console(stderr=True))
    with Console(stderr=True).status(f"compiling for {', '.join(archs)}"):
        files = [spec for spec in providers.distinct(["triton", *specs]) if spec != "triton"]
        return survey_beside_ours(archs, files, ops, dtypes, listings)


def _take_kernels(archs: Sequence[str], console: Console) -> None:
    """Have the kernels of PyTorch's library at hand, once for each of its builds."""
    from harness.machine_code import aten, fatbin, library

    found = library.find()
    known = set(fatbin.archs(found.path))
    for arch in (each for each in archs if each in known and not fatbin.is_kept(found.path, each, aten.names())):
        size = found.path.stat().st_size / 2**20
        with console.status(
            f"taking the kernels for {arch} out of {found.path.name} ({size:.0f} MiB; once, then kept)"
        ):
            aten.cut(found, arch)


_PREDICTED_DTYPES = ("bfloat16", "float16", "float32")  # where none is named: those that all devices are good at


def _devices(names: Sequence[str], archs: Sequence[str]) -> list[DeviceModel]:
    """The devices of these names, or of these architectures, or all that are known."""
    from harness.predict.devices import PredictError, chosen, known

    found = chosen(names) if names else list(known().values())
    fits = [each for each in found if not archs or each.sheet.arch in archs]
    if not fits:
        raise PredictError(f"no such device is of {' or '.join(archs)}; known are {', '.join(known())}")
    return fits


def _print_curves(
    rows: tuple[InspectedRow, ...], devices: Sequence[DeviceModel], regime: Regime, json: bool, markdown: bool
) -> None:
    from harness.predict.curves import curves, to_json

    found = curves(rows, devices, regime)
    if json:
        print(to_json(found))
        return
    from reports.render import prediction

    if markdown:
        print(prediction.to_markdown(found))
        return
    from rich.console import Console

    prediction.show(found, Console())


def _predict_workloads(
    name: str,
    archs: Sequence[str],
    specs: Sequence[str],
    devices: Sequence[DeviceModel],
    regime: Regime,
    json: bool,
    markdown: bool,
) -> None:
    from harness.predict.devices import PredictError
    from harness.predict.workloads import predicted, to_json
    from harness.sweeps.sweep import load

    workloads = load(name).workloads
    if not workloads:
        raise PredictError(f"sweep {name!r} has no [[workloads]]; of kernels by size, leave --sweep")
    cases = [layer.case for each in workloads for layer in each.layers]
    ops, dtypes = (list(dict.fromkeys(found)) for found in ((c.op for c in cases), (c.dtype for c in cases)))
    found = predicted(workloads, _surveyed(archs, specs, ops, dtypes), devices, regime)
    if json:
        print(to_json(found))
        return
    from reports.render import prediction

    if markdown:
        print(prediction.workloads_to_markdown(found))
        return
    from rich.console import Console

    prediction.show_workloads(found, Console())


def _validate(
    archs: Sequence[str], specs: Sequence[str], ops: Sequence[str], dtypes: Sequence[str], json: bool, markdown: bool
) -> None:
    """Print a line for each kernel, the JSON list, or the table of opcodes."""
    from harness.cli.exits import CHECK_FAILED
    from harness.machine_code import agreements
    from harness.store.vocabulary import Outcome

    rows = []
    for spec in specs:
        for row in agreements.validate(archs, spec, ops, dtypes):
            rows.append(row)
            print(row, file=sys.stderr if json or markdown else sys.stdout, flush=True)
    if json:
        print(agreements.to_json(rows))
    elif markdown:
        from reports.render.opcodes import page

        print(page(rows))
    wrong = [row for row in rows if row.outcome in (Outcome.REJECTED, Outcome.CRASHED)]
    if wrong:
        end(f"the machine code of {len(wrong)} of {len(rows)} kernels does not do what their PTX says", CHECK_FAILED)


def _print(rows: tuple[InspectedRow, ...], json: bool, markdown: bool) -> None:
    if json:
        from harness.machine_code.rows import to_json

        print(to_json(rows))
    elif markdown:
        from reports.render.markdown import counted, summarised

        print("\n".join([*summarised(rows), *counted(rows)]).strip())
    else:
        from rich.console import Console

        from reports.render.inspection import show

        show(rows, Console())


def _check(rows: tuple[InspectedRow, ...]) -> None:
    from harness.cli.exits import CHECK_FAILED, end
    from harness.machine_code.budget import load, violations

    found = list(violations(rows, load()))
    for each in found:
        print(f"elubench: {each}", file=sys.stderr)
    if found:
        end(f"{len(found)} limits of harness/machine_code/budgets.toml are exceeded", CHECK_FAILED)
