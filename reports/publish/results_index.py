"""The index of the published runs, and their figures in README.md and docs/gallery.md, from the records in `results/`.

Those two show one run: one on a GPU where there is one, the fuller sweep, the newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.store import seal
from harness.store.manifest import read_manifest
from harness.store.records import Run, read_run
from harness.store.vocabulary import MANIFEST
from reports.analysis.findings import findings
from reports.analysis.fleet import devices_text
from reports.figures.files import as_svg, draw
from reports.publish.report import FIGURES, MARKDOWN, REPORT
from reports.render import markdown
from reports.render.table import Column, Table, to_markdown, words
from reports.text import wording
from reports.text.blocks import with_block
from reports.text.escaping import markdown_text

RESULTS, INDEX, DOC_FIGURES = "results", "README.md", "docs/figures"
README, GALLERY = "README.md", "docs/gallery.md"
BLOCK = "figures"
_NO_RUN = "No run is published yet."
_SWEEPS = ("smoke", "default", "full")  # the fuller, the later

# What to look for in a figure, by the beginning of its name; in the order of the gallery.
_CAPTIONS = {
    "bandwidth": "Bandwidth against bytes moved per call: a curve for each provider with its 95% intervals, the roof "
    "that plain streams of the same tensors attained as a grey band, the last-level cache as a dotted line. Where a "
    "curve meets the band, nothing faster can be written. Hollow marks carry something against their validity.",
    "speedup": "Speed-up over eager: a row for each dtype and variant, a column for each size. ▲ and ▼ are verdicts, "
    "held against the noise of the same provider entered twice; a number without a sign is undecided.",
    "roofline": "The roofline: how much arithmetic ELU does per byte, and how fast each provider does it, below what "
    "memory and caches attained in the same run.",
    "levels-of-memory": "The levels of memory: what plain streams attain by working set, each call from a cold cache, "
    "and from a warm one. Where the two meet, the cache is left behind.",
    "error": "The largest error over all values of a 16-bit dtype. Below the dotted line every output is the nearest "
    "number there is. What the gate rejected is drawn too: this is why.",
    "instruction-roofline": "The instruction roofline, modelled from machine code: warp instructions for each "
    "transaction of memory, and which of the two a device would run out of first. Nothing in it was timed.",
}


@dataclass(frozen=True)
class Published:
    """A run under `results/`, with its figures as SVG by name."""

    run: Run
    content_hash: str
    figures: Mapping[str, bytes]

    @property
    def is_gpu(self) -> bool:
        return self.run.manifest.device.kind == "cuda"

    @property
    def device(self) -> str:
        return devices_text(self.run)

    @property
    def sweep(self) -> str:
        return str(self.run.manifest.sweep.get("name", "unknown"))

    @property
    def rank(self) -> tuple[bool, int, str]:
        """The highest is shown in the documentation."""
        fullness = _SWEEPS.index(self.sweep) if self.sweep in _SWEEPS else -1
        return (self.is_gpu, fullness, str(self.run.manifest.created))


def published(root: Path) -> list[Published]:
    """The runs under `root/results`, by folder. Raises RunError where one cannot be read."""
    found = sorted(path.parent for path in (root / RESULTS).glob(f"*/*/{MANIFEST}"))
    folders = [folder for folder in found if read_manifest(folder).verb == "run"]
    return [
        Published(run, seal.content_hash(folder), {name: as_svg(figure) for name, figure in draw(run)})
        for folder in folders
        for run in [read_run(folder)]
    ]


def files(root: Path) -> dict[Path, bytes]:
    """Every file that is made from the published runs, with what it should hold."""
    found = published(root)
    made = {root / RESULTS / INDEX: _index(found, root / RESULTS).encode()}
    for each in found:
        report = each.run.path / REPORT
        names = [f"{FIGURES}/{name}.svg" for name in each.figures]
        made[report / MARKDOWN] = markdown.report(each.run, each.content_hash, names).encode()
        made |= {report / FIGURES / f"{name}.svg": content for name, content in each.figures.items()}
    shown = max(found, key=lambda each: each.rank, default=None)
    if shown is not None:
        made |= {root / DOC_FIGURES / f"{name}.svg": content for name, content in shown.figures.items()}
    for name, lines in ((README, _readme(shown)), (GALLERY, _gallery(shown))):
        if (root / name).exists():
            text = (root / name).read_text(encoding="utf-8")
            made[root / name] = with_block(text, BLOCK, "\n".join(lines), str(root / name)).encode()
    return made


def _index(found: Sequence[Published], results: Path) -> str:
    return "\n".join(_index_lines(found, results)) + "\n"


def _index_lines(found: Sequence[Published], results: Path) -> Iterator[str]:
    yield from ("# Published runs", "")
    yield "Each folder was made by one command, `make evidence`, and is as it was written. `elubench verify FOLDER`"
    yield "recomputes its hash and everything derived from its samples; `elubench report FOLDER` makes its page,"
    yield "`report/index.html`. This index is made by `make docs`."
    yield ""
    if not found:
        yield _NO_RUN
        return
    if not any(each.is_gpu for each in found):
        yield "No run on a GPU is published yet: what follows was measured on a CPU, where the Triton kernels are"
        yield "validated and have no times."
        yield ""
    columns = (*words("device", "sweep", "measured"), Column("records"), *words("content hash"))
    yield from to_markdown(Table("", columns, tuple(_index_row(each, results) for each in found)))
    for device in dict.fromkeys(each.device for each in sorted(found, key=lambda each: not each.is_gpu)):
        yield from ("", f"## {markdown_text(device)}")
        for each in found:
            if each.device == device:
                yield from _run_lines(each, results)


def _index_row(each: Published, results: Path) -> tuple[str, ...]:
    folder = each.run.path.relative_to(results).as_posix()
    kind = "GPU" if each.is_gpu else "CPU"
    return (
        f"{markdown_text(each.device)} ({kind})",
        f"[{markdown_text(each.sweep)}]({folder}/{REPORT}/{MARKDOWN})",
        markdown_text(str(each.run.manifest.created)[:10]),
        str(len(each.run.records)),
        f"`{each.content_hash[:16]}`",
    )


def _run_lines(each: Published, results: Path) -> Iterator[str]:
    yield from ("", f"### Sweep {markdown_text(each.sweep)}", "")
    yield from (f"- {markdown_text(line)}" for line in wording.header(each.run))
    yield from (f"- {markdown_text(finding.text)}" for finding in findings(each.run))
    folder = f"{each.run.path.relative_to(results).as_posix()}/{REPORT}/{FIGURES}"
    for name in each.figures:
        if name.startswith(("bandwidth-elu", "roofline")) and not name.endswith("backward"):
            yield from ("", f"![{name}]({folder}/{name}.svg)")


def _source(shown: Published) -> str:
    """Which run a figure is from, in a sentence."""
    device = f"{markdown_text(shown.device)}, a {'GPU' if shown.is_gpu else 'CPU'}"
    sentence = f"Measured on {device}, sweep {markdown_text(shown.sweep)}, content hash `{shown.content_hash[:16]}`."
    if not shown.is_gpu:
        sentence += " On a CPU the Triton kernels are validated and have no times; no run on a GPU is published yet."
    return sentence


def _readme(shown: Published | None) -> Iterator[str]:
    if shown is None:
        yield _NO_RUN
        return
    yield _source(shown)
    yield from ("", *(f"- {markdown_text(finding.text)}" for finding in findings(shown.run)))
    for name in ("bandwidth-elu", "error-elu"):
        if name in shown.figures:
            yield from ("", f"![{name}]({DOC_FIGURES}/{name}.svg)")


def _gallery(shown: Published | None) -> Iterator[str]:
    if shown is None:
        yield _NO_RUN
        return
    yield _source(shown)
    for kind, caption in _CAPTIONS.items():
        names = [name for name in shown.figures if name.startswith(kind)]
        if names:
            yield from ("", f"## {kind.replace('-', ' ').capitalize()}", "", caption)
        for name in names:
            yield from ("", f"![{name}](figures/{name}.svg)")
