"""The verb `crosscheck`, registered by `harness.cli.app`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.crosscheck import Check
    from harness.device.devices import Device
    from harness.ops.cases import Case

app = typer.Typer()

_SIZES = {"cpu": [2**16, 2**19, 2**22], "cuda": [2**20, 2**24, 2**28]}


@app.command()
def crosscheck(
    sizes: Annotated[
        list[str] | None,
        typer.Option(help="Elements, such as 65536,1048576; may be repeated.  [default: three, by the device]"),
    ] = None,
    rounds: Annotated[int, typer.Option(min=6, help="Rounds in which all timers take turns.")] = 9,
    seconds: Annotated[float, typer.Option(min=0.001, help="How long each timer times in each round.")] = 0.1,
    op: Annotated[str, typer.Option(help="The op to time.")] = "elu",
    dtype: Annotated[str, typer.Option(help="Its dtype.")] = "float32",
    provider: Annotated[
        str | None,
        typer.Option(
            help="A provider, or FILE.py (its code runs with your rights).  [default: triton; eager on a CPU]"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="The rows as a JSON list.")] = False,
) -> None:
    """Time the same calls by our clock and by other libraries, and say where they disagree beyond the noise."""
    import dataclasses

    from harness import providers
    from harness.device.devices import find_device
    from harness.ops.cases import make_case

    providers.check(provider or "triton")
    wanted = [make_case(op, (elements,), dtype) for elements in _numbers(sizes or [])]
    make_case(op, (1,), dtype)  # what is mistyped is said before torch is imported
    found = find_device(device)
    cases = wanted or [make_case(op, (elements,), dtype) for elements in _SIZES[found.kind]]
    spec = provider or ("triton" if found.kind == "cuda" else "eager")
    checks = _checks(cases, spec, found, rounds, seconds)
    if json:
        from json import dumps

        print(dumps([dataclasses.asdict(check) for check in checks], indent=2))
    else:
        _show(checks, found.name)


def _checks(cases: Sequence[Case], spec: str, device: Device, rounds: int, seconds: float) -> list[Check]:
    from harness import providers
    from harness.cli.exits import CHECK_FAILED, WRONG_USAGE, end
    from harness.crosscheck import Rejected
    from harness.crosscheck.apart import Failed, NeedsGpu, checks_apart

    found: list[Check] = []
    each = checks_apart(cases, spec, device, rounds, seconds)
    for case in cases:
        print(f"timing {case.key}", file=sys.stderr)
        try:
            found += next(each)
        except NeedsGpu:
            end(f"{spec} launches Triton kernels, and needs a GPU to be timed; name another --provider", WRONG_USAGE)
        except providers.Unsupported as error:
            end(f"{spec} does not support {case.key}: {error}", WRONG_USAGE)
        except (Rejected, Failed) as error:
            end(f"{case.key}: {error}", CHECK_FAILED)
    return found


def _numbers(texts: list[str]) -> list[int]:
    from harness.cli.exits import WRONG_USAGE, end

    words = [word for text in texts for word in text.replace(",", " ").split()]
    for word in words:
        if not word.isdecimal() or not int(word):
            end(f"--sizes takes numbers of elements, such as 65536,1048576, and {word!r} is none", WRONG_USAGE)
    return [int(word) for word in words]


def _show(checks: list[Check], device: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from reports.text.formatting import MISSING, percent, printable, time_text

    console = Console()
    table = Table(title=Text(printable(f"{device}: time over ours")), title_justify="left", box=SIMPLE_HEAD)
    for name in ("elements", "timer", "time", "ratio", "95% interval", ""):
        table.add_column(name, justify="right" if name in ("elements", "time", "ratio") else "left", no_wrap=True)
    for number, check in enumerate(checks):
        if not number or checks[number - 1].case_key != check.case_key:
            table.add_section()
            floor = f"A/A ±{percent(check.noise_floor, 1)}%"
            table.add_row(str(check.elements), "ours", time_text(check.ours_s), "1", floor)
        table.add_row(
            "",
            check.timer,
            time_text(check.theirs_s),
            MISSING if check.ratio is None else f"{check.ratio:.3f}",
            MISSING if check.ratio_ci95 is None else "{:.3f}–{:.3f}".format(*check.ratio_ci95),
            {True: "agrees", False: "differs", None: "undecided" if check.ratio else MISSING}[check.agrees],
        )
    console.print(table)
    if any(check.agrees is False for check in checks):
        console.print(Text("differs: by more than our clock differs from itself; docs/method.md says what can be why"))
    if any(check.agrees is None and check.ratio for check in checks):
        console.print(Text("undecided: the interval is wider than what is to be told; give more --rounds or --seconds"))
    for timer, why in dict.fromkeys((check.timer, check.why) for check in checks if check.why):
        console.print(Text(printable(f"{timer}: {why}")))
