"""The words that a stored run is written in: outcomes, roles, regimes, verdicts, flags, and the names of its files.

Every word is a string, so that it is stored and compared as one. Standard library only.
"""

from __future__ import annotations

from enum import StrEnum

SCHEMA = 3  # what this version writes
READABLE = (2, SCHEMA)  # in 2 a record had `details`, and the flag `not_cold` was called "warm"

# The files of a run's directory.
MANIFEST = "manifest.json"
RECORDS = "records.jsonl"
INSPECTION = "inspect.json"  # what the machine code of the run's kernels would cost: harness.machine_code.rows
SEAL = "seal.json"
PROVIDERS = "providers"  # a folder: the sources of those that are files, by name


class RunError(ValueError):
    """A run directory that cannot be read or continued; the message names the fault and the mend."""


class Outcome(StrEnum):
    """How the measurement of a provider on a case ended."""

    OK = "ok"
    REJECTED = "rejected"  # by the gate
    UNSUPPORTED = "unsupported"
    OOM = "oom"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    VALIDATED = "validated"  # right, and not timed, as there is no device for it


class Role(StrEnum):
    """What a record is of."""

    PROVIDER = "provider"
    ROOF = "roof"  # a plain stream
    CONTROL = "control"  # the A/A twin of a provider
    MODEL = "model"  # a whole model, by a provider


# Of records that have an outcome of their own.
PROVIDED = (Role.PROVIDER, Role.MODEL)


class Regime(StrEnum):
    """The cache and launch conditions of a timing."""

    COLD = "cold"
    GRAPH = "graph"
    WARM = "warm"
    HOST = "host"


AUTO = "auto"  # in place of a regime: cold times, by whichever of COLD and GRAPH resolves them


class Flush(StrEnum):
    """How a GPU's L2 is emptied before a cold call: what the lines are that the call then replaces."""

    DIRTY = "dirty"  # written by the flush: who replaces one has it written to memory first
    CLEAN = "clean"  # read by the flush: one is dropped


class Cause(StrEnum):
    """What kept a provider from computing a case, where something is decided by it; `reason` says it in words."""

    NO_FUNCTION = "no_function"  # its file defines none of the op
    NOT_IMPORTED = "not_imported"


class Mix(StrEnum):
    """The traffic of a roof, as reads and writes; or, in place of one, a product of matrices."""

    COPY = "copy"  # 1 + 1
    TRIAD = "triad"  # 2 + 1
    READ = "read"  # almost 1 + 0
    ARITHMETIC = "arithmetic"  # for the ceiling of arithmetic


MIXES = (Mix.COPY, Mix.TRIAD, Mix.READ)  # those that move memory


class Verdict(StrEnum):
    """What can be claimed of a ratio of times; in the order in which a reader wants them."""

    SLOWER = "slower"
    FASTER = "faster"
    UNDECIDED = "undecided"
    SAME = "same"


class Flag(StrEnum):
    """A mark on a record: its name, the sign of its row, its meaning; in the order of legends."""

    mark: str
    meaning: str

    def __new__(cls, name: str, mark: str = "", meaning: str = "") -> Flag:
        member = str.__new__(cls, name)
        member._value_, member.mark, member.meaning = name, mark, meaning
        return member

    @classmethod
    def _missing_(cls, value: object) -> Flag | None:
        return cls.NOT_COLD if value == "warm" else None  # its name in schema 2

    OVER_ROOF = "over_roof", "!", "faster than its roof: a finding about the measurement, not a result"
    NOT_COLD = "not_cold", "w", "not cold: the calls' buffers do not go round past the last-level cache"
    NOT_RESIDENT = "not_resident", "r", "not warm: one call's tensors do not fit into the last-level cache"
    THROTTLED = "throttled", "t", "the device was slowed down: by heat, by its power limit, by a quota"
    DRIFTING = "drifting", "/", "the times drifted: the first and the last of them differ"
    FREQUENCY_STEP = "frequency_step", "j", "the times jumped once, as where the device's clock is changed"
    BIMODAL = "bimodal", "b", "the times fall into two clumps"
    NOISY_NEIGHBOUR = "noisy_neighbour", "n", "a part of the times is far longer: something else used the device"
    NOISY = "noisy", "~", "the 95% interval of the median is wider than ±5%"
    UNSETTLED = "unsettled", "u", "the times had not settled when the warm-up ended"
    UNHIDDEN = "unhidden", "h", "the host's time to launch could not be hidden, and is in the times"
    FEW_SAMPLES = "few_samples", "f", "too few samples for an interval"
    NOT_INTERLEAVED = "not_interleaved", "s", "timed separately, after a crash: not in turns with the others"
    FLUSHES_SUBNORMALS = (
        "flushes_subnormals",
        "0",
        "right, but 0 for subnormal inputs or results: below 1.2e-38, in fp64 2.2e-308",
    )
    DISTURBED = "disturbed", "d", "others used the cores, or the hypervisor took them, while it was timed"


FLAGS_OF_RESULTS = frozenset({Flag.FLUSHES_SUBNORMALS})  # say what was computed; the others speak against the times
