"""Makes the plan of a proof, and measures what its run does not hold yet."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from harness import emulator, providers
from harness.correctness.gate import BOUND_ULP
from harness.device.devices import Device
from harness.fleet.cluster import Cluster
from harness.proof import exp2, kernel, reference, workers
from harness.proof.lines import End
from harness.proof.plan import KNOWN, Part, ProofPlan, Subject, from_content
from harness.proof.rows import VERB, ProofRow, row_from_json
from harness.store import manifest
from harness.store.files import Store
from harness.store.manifest import Manifest
from harness.store.provenance import kernel_sources_sha256
from harness.store.vocabulary import RunError

_LIBRARY_POINTS = 20_000


class ProofStore(Store):
    """A store of proofs' rows."""

    verb = VERB

    @staticmethod
    def parse(line: bytes) -> ProofRow:
        return row_from_json(line)


class NoProof(Exception):
    """Something on this machine, or of this suite, is not what a proof rests on."""


def make_plan(
    op: str,
    dtypes: Sequence[str],
    provider: str,
    arch: str,
    between: tuple[float, float] | None,
    say: Callable[[str], None],
) -> ProofPlan:
    """The plan of a proof: its kernels compiled and translated, and what it rests on looked at.

    Raises NoProof, NotTheSame, Unsupported, and what the provider raises. `say` is told what is being done.
    """
    subjects = []
    for dtype in dtypes:
        for known in KNOWN[op]:
            say(f"compiling {op}, {dtype}, {known}, and holding its translation against the emulated GPU")
            subjects.append(kernel.subject_of(provider, op, dtype, known, arch))
    say("holding the fp64 reference against decimals")
    library = max(reference.worst_of_library(known, _LIBRARY_POINTS, seed=0) for known in KNOWN[op])
    if library > reference.BOUND / 2:
        raise NoProof(f"the C library's exp or expm1 is off by {library:.2g}, where 2^-51 is what a proof allows for")
    close = None
    if any(End.NEAREST in each.ends for each in subjects):
        say("looking for arguments of ex2 that fp64 cannot round")
        found = exp2.close_arguments()
        if wrong := exp2.wrong_arguments(found):
            raise NoProof(f"ex2 of {wrong[0]!r} is not the nearest number of fp32; please report it")
        close = len(found)
    bounds = {dtype: BOUND_ULP[dtype] for dtype in dtypes}
    return ProofPlan(provider, arch, tuple(subjects), bounds, sources_sha256(), library, close, between)


def make_manifest(plan: ProofPlan, device: Device, argv: list[str]) -> Manifest:
    """The manifest of a proof that starts now."""
    made = manifest.make_manifest(device, {"name": f"proof, {plan.subjects[0].op} {', '.join(plan.bounds_ulp)}"}, argv)
    return dataclasses.replace(made, threads=1, verb=VERB, plan=plan.content())


def plan_of(manifest: Manifest, run: Path) -> ProofPlan:
    """The plan of a proof that is gone on with here. Raises RunError where its rows came from other code."""
    plan = from_content(manifest.plan or {})
    if plan.sources_sha256 != sources_sha256():
        raise RunError(
            "the run was made with other sources than those in harness/proof and harness/emulator now, by elubench "
            f"{manifest.elubench}; go on with that version, or start a new run with --out"
        )
    providers.check_unchanged([plan.provider], run)
    for each in plan.subjects:
        now = kernel.subject_of(plan.provider, each.op, each.dtype, each.known, plan.arch)
        if now.instructions_sha256 != each.instructions_sha256:
            raise RunError(
                f"{each.op} compiles to other instructions for {each.dtype} than when the run began; go on with the "
                f"Triton of then ({manifest.versions.triton}), or start a new run with --out"
            )
    return plan


def sources_sha256() -> str:
    """A hash over what proves: this package, and the emulated GPU."""
    folders = (Path(__file__).parent, Path(emulator.__file__).parent)
    return hashlib.sha256("\n".join(map(kernel_sources_sha256, folders)).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class ProofProgress:
    """What a caller is told: how many inputs are through, and what was found of the last ones."""

    on_inputs: Callable[[int], None]
    on_rows: Callable[[list[ProofRow]], None]


# Has parts of a plan measured somewhere, and gives the rows of each as it is finished.
Measured = Callable[[Sequence[Part], ProofPlan], Generator[list[ProofRow], None, None]]


def here(processes: int) -> Measured:
    """In so many processes of this machine."""
    return lambda parts, plan: workers.measured(parts, plan, min(processes, len(parts)))


def on_cluster(cluster: Cluster) -> Measured:
    """On the CPU slots of a cluster, a part each."""
    return lambda parts, plan: cluster.spread(workers.measure_part, parts, plan)


def measure(plan: ProofPlan, measured: Measured, store: Store, progress: ProofProgress) -> None:
    """Measure what the store does not hold yet. On KeyboardInterrupt everything stored so far is kept."""
    missing = []
    for part in plan.parts():
        if _keys(part) <= store.keys:
            progress.on_inputs(part.inputs)
        else:
            missing.append(part)
    if not missing:
        return
    with contextlib.closing(measured(missing, plan)) as found:
        for rows in found:
            store.append(rows)
            progress.on_inputs(sum(row.inputs for row in rows))
            progress.on_rows(rows)


def _keys(part: Part) -> set[tuple[object, ...]]:
    subject: Subject = part.subject
    return {(subject.op, subject.dtype, subject.known, part.end, binade) for binade in part.binades}
