"""`report/index.html`: everything a run says on one page that needs no network. The same run gives the same bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.machine_code.rows import rows_of
from harness.store.records import Run
from harness.store.vocabulary import RECORDS
from reports.analysis.findings import findings
from reports.analysis.fleet import by_model, devices_text, is_fleet, model_of
from reports.analysis.ratios import BASELINE
from reports.analysis.summary import FLAGS, TimedGroup, groups, outcomes
from reports.page import predicted
from reports.page.charts import MOST_CHARTS, Chart, charts
from reports.page.rows import columns, embedded
from reports.render import inspection
from reports.render.fleet import device_table, not_measured, speedups, validated, workloads
from reports.render.run_tables import spared_table
from reports.render.table import to_html
from reports.render.timed import PAGE as PAGE_COLUMNS
from reports.text import wording
from reports.text.formatting import percent, printable, significant

PAGE = "index.html"
_HERE = Path(__file__).parent
_TABS = {
    "bandwidth": "Bandwidth against size",
    "speedup": f"Speed-up over {BASELINE}",
    "roofline": "Roofline",
    "levels": "Levels of memory",
    "error": "Error against input",
    "instructions": "Instruction roofline (modelled)",
    "predicted": predicted.TAB,
}


@dataclass(frozen=True)
class Page:
    """The page as text, and a sentence on each thing that had to be left out of it."""

    text: str
    left_out: tuple[str, ...]


def write_page(run: Run, directory: Path, content_hash: str | None = None) -> Path:
    """Write the page of `run` into `directory`, which is made, and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / PAGE
    path.write_text(page(run, content_hash).text, encoding="utf-8", newline="\n")
    return path


def page(run: Run, content_hash: str | None = None, doubts: Sequence[str] = ()) -> Page:
    """The page of a run. Everything from the run is escaped by the template, or embedded as JSON.

    Without plotly the page has the figures of `reports.figures` as pictures instead of the interactive charts; where
    matplotlib is missing too, it has words and tables. It says so itself.
    """
    plotly = _plotly()
    timed = groups(run)
    inspected = rows_of(run)
    drawn = _drawn(run, timed)
    if curves := predicted.predicted(run, inspected):
        drawn["predicted"] = curves[:MOST_CHARTS]
    data = {
        "rows": columns(run, timed),
        "charts": {kind: [each.content() for each in found] for kind, found in drawn.items()} if plotly else {},
        "flags": {name: meaning for name, (_, meaning) in FLAGS.items()},
    }
    text = _rendered(
        **_said(run, timed),
        tabs={kind: name for kind, name in _TABS.items() if kind in drawn},
        pictures=None if plotly else _pictures(run),
        modelled=inspection.summaries(inspected),
        modelled_legend=inspection.SUMMARY_LEGEND,
        content_hash=content_hash,
        doubts=doubts,
        css=_markup((_HERE / "page.css").read_text(encoding="utf-8")),
        script=_markup((_HERE / "page.js").read_text(encoding="utf-8")),
        plotly=_markup(plotly) if plotly else None,
        data=_markup(embedded(data)),
    )
    return Page(text, () if plotly else ("the interactive charts need plotly: pip install plotly",))


def _drawn(run: Run, timed: Sequence[TimedGroup]) -> dict[str, list[Chart]]:
    """The charts by kind; where there are several models of device, those of each under its name."""
    parts = by_model(run)
    if len(parts) == 1:
        return charts(parts[0], timed, rows_of(parts[0]))
    drawn: dict[str, list[Chart]] = {}
    for part in parts:
        name = printable(model_of(part), 60)
        for kind, found in charts(part, groups(part), rows_of(part)).items():
            drawn.setdefault(kind, []).extend(replace(each, name=f"{name}: {each.name}") for each in found)
    return drawn


def _said(run: Run, timed: Sequence[TimedGroup]) -> dict[str, Any]:
    """What the template has to say about the run in words and tables, by the template's names."""
    left_out = set() if any(record.energy_j is not None for record in run.records) else {"energy_mj"}
    left_out |= set() if is_fleet(run) else {"device"}
    return {
        "title": f"elubench: {_device_name(run)}",
        "header": list(wording.header(run)),
        "created": (run.manifest.created or "")[:10],
        "findings": findings(run, timed),
        "devices": device_table(run),
        "standings": speedups(run, timed),
        "headings": [each for each in PAGE_COLUMNS if each.key not in left_out],
        "baseline": BASELINE,
        "workloads": [workloads(run), spared_table(run)],
        "untimed": [not_measured(run), validated(run)],
        "outcomes": outcomes(run),
        "flags": _flags_used(run),
        "noise": [printable(each, 600) for each in wording.noise(run)],
        "method": _method(run),
        "is_empty": not run.records,
        "manifest": _printable_json(asdict(run.manifest)),
        "manifest_name": run.path.name,
        "records_name": RECORDS,
    }


def _rendered(**names: Any) -> str:
    """The template with these names in it."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "printable": printable,
        "significant": significant,
        "percent": percent,
        "table": lambda table: _markup(to_html(table)),
    }
    return environment.get_template("page.html.j2").render(**names)


def _markup(text: str) -> Any:
    """Text that the template takes as it is."""
    from markupsafe import Markup

    return Markup(text)


def _plotly() -> str | None:
    """Plotly's script, or None where it is not installed."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        return None
    return str(get_plotlyjs())


def _pictures(run: Run) -> list[tuple[str, str]]:
    """The figures as data addresses of SVG files, by name; none where matplotlib is missing."""
    try:
        from reports.figures.files import as_svg, draw

        return [(name, f"data:image/svg+xml;base64,{base64.b64encode(as_svg(f)).decode()}") for name, f in draw(run)]
    except ImportError:
        return []


def _printable_json(content: Any) -> str:
    """JSON with its letters as they are, but for halves of characters, which no file can hold."""
    return json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _device_name(run: Run) -> str:
    return printable(devices_text(run))


def _flags_used(run: Run) -> dict[str, tuple[str, str]]:
    """The marks that occur."""
    used = {flag for record in run.records for flag in record.flags}
    return {flag: each for flag, each in FLAGS.items() if flag in used}


def _method(run: Run) -> dict[str, Any]:
    """What the method's words need from the manifest; None where it has a hole."""
    stop = run.manifest.sweep.get("stop") or {}
    device = run.manifest.device
    return {
        "stop": {name: value for name, value in stop.items() if isinstance(value, (int, float))},
        "cache_mib": None if len(by_model(run)) > 1 else device.last_level_cache_bytes / 2**20 or None,
        "on_gpu": device.kind == "cuda",
        "regimes": sorted({record.regime for record in run.records if record.regime}),
    }
