"""A citable run in LaTeX: BibTeX entries, a table with the package booktabs, sentences. Everything is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from reports.analysis.citable import Citable, is_told_apart
from reports.analysis.fleet import checked, devices_text, is_fleet
from reports.analysis.ratios import BASELINE
from reports.render.table import Table, latex_columns, latex_head, latex_row
from reports.render.timed import ENERGY, LATEX, timed_table
from reports.text import wording
from reports.text.escaping import latex
from reports.text.formatting import printable

SOFTWARE_KEY = "elubench"
AUTHORS = "the elubench developers"  # as in CITATION.cff
TITLE = "elubench: Triton kernels for ELU, and a benchmark that says how fast and how right they are"

# Longer tables go over pages.
_LONGEST = 40
_NARROW = r"\small\setlength{\tabcolsep}{3pt}"  # fits the text of an article
# So does this with a column of devices in place of GB/s, which are the share of the roof's.
_NARROWER = r"\footnotesize\setlength{\tabcolsep}{2pt}"


def run_key(content_hash: str) -> str:
    """The BibTeX key of a run: no name from outside is in it."""
    return f"{SOFTWARE_KEY}-run-{content_hash[:12]}"


def bibtex(cited: Citable) -> str:
    """Two entries: the software, and the run with its version, commit, device, date, content hash and address."""
    manifest = cited.run.manifest
    created = str(manifest.created or "")
    year = created[:4] if created[:4].isascii() and created[:4].isdigit() else None
    version = f"Version {manifest.elubench}, {wording.commit(cited.run)}"
    device = devices_text(cited.run)
    versions = manifest.versions
    digits = r"\allowbreak{}".join(cited.content_hash[at : at + 8] for at in range(0, 64, 8))
    covered = "manifest, records and counts of machine code" if manifest.inspected else "manifest and records"
    note = (
        f"{latex(version)}. Measured on {latex(str(device))} with torch {latex(str(versions.torch))} and "
        f"Triton {latex(str(versions.triton))}, begun {latex(created)}. "
        f"SHA-256 of its {covered}: \\texttt{{{digits}}}"
    )
    where = cited.location
    if where is not None:
        note += f". Its directory in the repository: {latex(where.directory)}"
    title = f"{SOFTWARE_KEY} run: sweep {manifest.sweep.get('name')} on {device}"
    return (
        _entry(SOFTWARE_KEY, latex(TITLE), year, latex(version))
        + "\n"
        + _entry(run_key(cited.content_hash), latex(title), year, note, where.url if where else None)
    )


def _entry(key: str, title: str, year: str | None, note: str, url: str | None = None) -> str:
    fields = [("author", f"{{{AUTHORS}}}"), ("title", f"{{{title}}}"), ("note", note)]
    if url:
        fields.append(("url", url))
    if year:
        fields.insert(2, ("year", year))
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields)
    return f"@misc{{{key},\n{lines}\n}}\n"


def table(cited: Citable, caption_text: str = "") -> str:
    """The valid rows; the caption begins with that text in place of ours.

    Needs `\\usepackage{booktabs}`, and `longtable` where it says so; works without others.
    """
    has_energy = any(row.record.energy_j is not None for group in cited.groups for row in group.rows)
    names = [name for name in LATEX if name != "GB/s" or not is_fleet(cited.run)]
    tables = [timed_table(group, [*names, ENERGY] if has_energy else names) for group in cited.groups]
    count = sum(len(each.rows) for each in tables)
    is_long = count > _LONGEST
    narrow = _NARROWER if is_fleet(cited.run) else _NARROW
    packages = "{booktabs,longtable}" if is_long else "{booktabs}"
    lines = [f"% Needs \\usepackage{packages}; {count} rows."]
    lines += [f"% {each.name}: {each.member.device.name}, {each.place}" for each in checked(cited.run)]
    lines = [printable(line, 300) for line in lines]
    head, columns = latex_head(tables[0]), latex_columns(tables[0])
    body = [*_body(tables), r"\bottomrule"]
    caption = f"\\caption{{{_caption(cited, caption_text.strip().removesuffix('.'), has_energy)}}}"
    label = f"\\label{{tab:{run_key(cited.content_hash)}}}"
    if is_long:
        heads = [caption + label + r" \\", *head, r"\endfirsthead", *head, r"\endhead"]
        whole = ["{" + narrow, rf"\begin{{longtable}}{{{columns}}}", *heads, *body, r"\end{longtable}", "}"]
    else:
        inner = [rf"\begin{{tabular}}{{{columns}}}", *head, *body, r"\end{tabular}"]
        whole = [r"\begin{table}", r"\centering", narrow, caption, label, *inner, r"\end{table}"]
    return "\n".join([*lines, *whole, ""])


def _body(tables: Sequence[Table]) -> Iterator[str]:
    for number, made in enumerate(tables):
        if number:
            yield r"\addlinespace"
        yield rf"\multicolumn{{{len(made.columns)}}}{{l}}{{{latex(made.title)}}} \\"
        yield from map(latex_row, made.rows)


def _caption(cited: Citable, text: str, has_energy: bool) -> str:
    device = cited.run.manifest.device
    is_one_cpu = device.kind != "cuda" and not is_fleet(cited.run)
    name, kind = devices_text(cited.run), ", a CPU" if is_one_cpu else ""
    rows = [row for group in cited.groups for row in group.rows if row.record.provider != BASELINE]
    brackets = ""
    if any(row.speedup is not None and not is_told_apart(row) for row in rows):
        brackets = " Speed-ups in parentheses are not told apart from 1 by more than the A/A noise."
    energy = "; energy as what the whole board uses while such calls run one after another" if has_energy else ""
    own = "; speed-ups and roofs are of the row's own device" if is_fleet(cited.run) else ""
    opening = f"{latex(text)}. Median" if text else f"ELU on {latex(str(name))}{kind}: median"
    return (
        f"{opening} times and speed-ups over {BASELINE} with "
        r"[95\% intervals]; bytes as each input read once and each output written once; \% of roof: of "
        r"the GB/s that the fastest plain stream with the same traffic attains undisturbed (by the 5\% quantile of "
        f"its times) in the same run{energy}{own}.{brackets}{_cautions(cited)} Measured with "
        f"elubench~\\cite{{{SOFTWARE_KEY}}}, run~\\cite{{{run_key(cited.content_hash)}}}."
    )


def _cautions(cited: Citable) -> str:
    """What a reader of the table has to know: that the run is a first look, and what ran on no GPU and has no time."""
    found = [" The sweep is a quick one, for a first look."] if cited.is_quick else []
    untimed = Counter(each.record.provider for each in cited.refused if each.record.outcome == "validated")
    names = ", ".join(f"{latex(name)} ({n} {'case' if n == 1 else 'cases'})" for name, n in untimed.items())
    if names:
        what = "Run on a CPU in place of a GPU, found right, and not in the table, as that gives no time"
        found.append(f" {what}: {names}.")
    return "".join(found)


def sentences(cited: Citable) -> str:
    """The sentences, with the citation at the end of the first."""
    first, *rest = (latex(sentence.removesuffix(".")) for sentence in cited.sentences)
    return " ".join([f"{first}~\\cite{{{run_key(cited.content_hash)}}}.", *(f"{each}." for each in rest)]) + "\n"


def figure(cited: Citable, file_name: str) -> str:
    """The figure that shows the first sentence; needs `\\usepackage{graphicx}`."""
    device = cited.figure_of or cited.run.manifest.device.name
    return "\n".join(
        [
            r"% Needs \usepackage{graphicx}.",
            r"\begin{figure}",
            r"\centering",
            rf"\includegraphics[width=\linewidth]{{{file_name}}}",
            rf"\caption{{Bandwidth against size on {latex(device)}, run~\cite{{{run_key(cited.content_hash)}}}.}}",
            r"\end{figure}",
            "",
        ]
    )
