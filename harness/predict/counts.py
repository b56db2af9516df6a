"""Counts of the kernels that published rows are of: `python -m harness.predict.counts` makes them, in counts.json.

Eager PyTorch's are executed out of the library of a CUDA build, and stay as they are where there is none. Inductor's
are what torch.compile makes, the others those of kernels.py. Reading the counts needs no Triton.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.machine_code.rows import InspectedRow
from harness.predict.model import KernelWork, work_of

FILE = Path(__file__).with_name("counts.json")
DTYPES = ("bfloat16", "float16", "float32")
OWN_ARCHS = ("sm_90", "sm_100")
INDUCTOR_OPS = ("elu", "elu_backward", "relu", "relu_backward")


@dataclass(frozen=True)
class KernelText:
    """A kernel that is compiled to be counted: which formula, and how a thread loads and stores."""

    formula: str
    dtype: str
    per_thread: int
    wide: bool  # all of a thread's elements in one access of a tensor, or each in its own
    arch: str

    @property
    def key(self) -> str:
        return " ".join((self.formula, self.dtype, f"{self.per_thread}{'' if self.wide else 'x1'}", self.arch))


@dataclass(frozen=True)
class EagerKernel:
    """A kernel of PyTorch's own, by its vectors' width."""

    op: str
    dtype: str
    vector: int
    arch: str

    @property
    def key(self) -> str:
        return f"eager {self.op} {self.dtype} {self.vector} {self.arch}"


def inductor_key(op: str, variant: str, dtype: str, arch: str) -> str:
    """The key of a kernel that Inductor generates."""
    return f"inductor {op} {variant} {dtype} {arch}"


def load(path: Path = FILE) -> dict[str, KernelWork]:
    """The counts by key."""
    return {key: KernelWork(**each) for key, each in json.loads(path.read_text(encoding="utf-8")).items()}


def compiled(texts: Iterable[KernelText]) -> dict[str, KernelWork]:
    """The counts of kernels of kernels.py. To be called in a process of its own, one architecture after another."""
    from harness.machine_code import worker
    from harness.machine_code.driver import noting
    from harness.machine_code.model import LaunchWork
    from harness.predict.kernels import launcher

    found = {}
    for text in dict.fromkeys(texts):
        launch, tensors = launcher(text.formula, text.dtype, text.per_thread, wide=text.wide)
        with noting(worker.target(text.arch), 132) as driver:
            launch()
            (noted,) = driver.take()
        size = tensors[0].numel() * tensors[0].element_size()
        loaded, elements = size * (len(tensors) - 1), tensors[0].numel()
        work = LaunchWork(elements, noted.programs * noted.threads, size, loaded, size, loaded)
        blank = InspectedRow(text.formula, "", text.dtype, text.arch)
        (row,) = worker.filled([worker.Noted(blank, noted, work, (size + loaded) / elements)], text.arch)
        found[text.key] = work_of(row)
    return found


def of_eager(asked: Iterable[EagerKernel], kept: Mapping[str, KernelWork]) -> dict[str, KernelWork]:
    """The counts of PyTorch's own kernels, out of the library that is at hand, or those that are kept."""
    from harness.machine_code.fatbin import LibraryError
    from harness.machine_code.library import find

    asked = list(dict.fromkeys(asked))
    try:
        library = find()
    except LibraryError as why:
        print(f"eager's kernels stay as they were counted: {why}", file=sys.stderr)
        return {each.key: kept[each.key] for each in asked if each.key in kept}
    from harness.machine_code.aten import counted
    from harness.ops.catalogue import OPS

    found = {}
    for each in asked:
        params = tuple(OPS[each.op].params.values()) if each.op in OPS else ()
        row = counted(library, InspectedRow(each.op, "", each.dtype, each.arch, "eager"), each.vector, params)
        found[each.key] = replace(work_of(row), source=f"{library.version}, {row.kernel}")
    return found


def of_inductor(arch: str, ops: Iterable[str] = INDUCTOR_OPS) -> dict[str, KernelWork]:
    """The counts of what torch.compile makes of the suite's ops."""
    from harness.machine_code.survey import survey

    rows = survey([arch], "inductor", tuple(ops), DTYPES)
    counted = (row for row in rows if row.instructions_per_element is not None and "odd" not in row.variant)
    return {inductor_key(row.op, row.variant, row.dtype, row.arch): work_of(row) for row in counted}


def of_ours(archs: Iterable[str] = OWN_ARCHS, ops: Iterable[str] = ()) -> dict[str, KernelWork]:
    """The counts of this suite's own kernels, of each launch of an op."""
    from harness.machine_code.survey import survey
    from harness.predict.curves import works

    found = {}
    for (op, variant, dtype, _, arch), launched in works(survey(tuple(archs), "triton", tuple(ops), DTYPES)).items():
        for number, work in enumerate(launched):
            found[own_key(op, variant, dtype, arch, number)] = work
    return found


def own_key(op: str, variant: str, dtype: str, arch: str, number: int = 0) -> str:
    """The key of a launch of one of this suite's ops; what names a kernel has no comma in it."""
    return ", ".join(("triton", op, variant, dtype, arch, str(number)))


def to_json(found: Mapping[str, KernelWork]) -> str:
    """The file, a line for each kernel."""
    plain = {key: asdict(each) for key, each in found.items()}
    for each in plain.values():
        if each["source"] is None:
            del each["source"]
    lines = (f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(each)}" for key, each in plain.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Compile every kernel that a published row is of, and our own, and write the counts; or print a few of them."""
    from harness.predict.published import eager_kernels, texts

    parser = argparse.ArgumentParser(description=__doc__, prog="python -m harness.predict.counts")
    parser.add_argument("keys", nargs="*", help="print the counts of these kernels of kernels.py, and write nothing")
    parser.add_argument("--eager", action="store_true", help="count eager PyTorch's anew, and leave all others")
    given = parser.parse_args()
    keys = given.keys
    if keys:
        print(to_json(compiled(each for each in texts() if each.key in keys)))
        return
    kept = load()
    if given.eager:
        found = {key: each for key, each in kept.items() if not key.startswith("eager ")}
    else:
        found = compiled(texts()) | of_inductor("sm_90") | of_ours()
    found |= of_eager(eager_kernels(), kept)
    FILE.write_text(to_json(found), encoding="utf-8")
    print(f"{len(found)} kernels counted", file=sys.stderr)


if __name__ == "__main__":
    main()
