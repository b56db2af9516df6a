"""`report/index.html` of a claims run: one self-contained page of the same family as that of a sweep."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from harness.paper.rows import ClaimsRun
from reports.paper import headline, words
from reports.paper.judge import CANNOT_TELL, DOES_NOT, EQUIVALENT, HOLDS, judge
from reports.paper.number_tables import tables
from reports.render.table import to_html
from reports.text.formatting import printable

_HERE = Path(__file__).parent
_STYLE = _HERE.parent / "page" / "page.css"  # one look for all pages
PAPER = "arXiv:1511.07289"
_KINDS = {HOLDS: "win", DOES_NOT: "loss", EQUIVALENT: "caution", CANNOT_TELL: "caution"}  # classes of that style sheet


def page(run: ClaimsRun, content_hash: str, figures: Mapping[str, Sequence[Path]]) -> str:
    """The page as text. `figures` are SVG files by claim; everything from a run is escaped by the template."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"printable": printable, "table": lambda table: Markup(to_html(table))}
    judged = judge(run)
    claims = dict.fromkeys((*(each.statement.claim for each in judged), *run.plan.claims))
    return environment.get_template("page.html.j2").render(
        words=words,
        header=list(words.header(run)),
        created=str(run.manifest.created or "")[:10],
        paper=PAPER,
        judged=judged,
        kinds=_KINDS,
        sections={claim: [each for each in judged if each.statement.claim == claim] for claim in claims},
        tables={claim: tables(run, claim) for claim in claims},
        pictures={claim: [_address(path) for path in paths] for claim, paths in figures.items()},
        centring=headline.centring_table(run),
        divergence=list(headline.divergence_tables(run)),
        setting=words.setting(run),
        method=words.method(run, judged),
        one_data_set=words.one_data_set(run),
        cautions=[caution for caution in (words.look(run), words.incomplete(run)) if caution],
        content_hash=content_hash,
        manifest=json.dumps(asdict(run.manifest), indent=2, ensure_ascii=False),
        css=Markup(_STYLE.read_text(encoding="utf-8")),
    )


def _address(svg: Path) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.read_bytes()).decode()}"
