"""Every verb of the command line: words with which it goes well in seconds, and where it reads from and writes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import typer.main

from harness.cli.app import app

NAMES = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


class Place(StrEnum):
    """What a word of a command line names."""

    run = "a run to read"
    provider = "a provider to read"
    sweep = "a sweep to read"
    folder = "a folder to write"
    file = "a file to write"


@dataclass(frozen=True)
class Verb:
    """Words after a verb. {run}, {claims}, {prove}, {provider}, {sweep}, {new}: a test's own; {place}: what it tries.

    Args:
        good: with these it succeeds.
        places: with these it meets a place; one line of words for each.
        again: words for a test of output alone, where what is good takes long.
    """

    good: str
    places: Mapping[Place, tuple[str, ...]] = field(default_factory=dict)
    again: str = ""


_TINY = "--shape 8x8 --dtype fp32 --device cpu"
_CLAIM = "--quick --claim saturation --activation elu --device cpu"
_PROOF = "--op elu --dtype bf16 --between 1 2 --processes 1"
_READS = {Place.run: ("{place}",)}
VERBS = {
    "show": Verb("{run}", _READS),
    "report": Verb("{run}", _READS),
    "verify": Verb("{sealed}", _READS),
    "cite": Verb("{run}", {Place.run: ("{place}",), Place.folder: ("{run} --out {place}",)}),
    "compare": Verb("{run} {run}", {Place.run: ("{place} {run}", "{run} {place}")}),
    "trend": Verb("{run} {run}", {Place.run: ("{place} {run}",), Place.file: ("{run} {run} --figure {place}.svg",)}),
    "list": Verb("ops", {Place.sweep: ("cases --device cpu --sweep {place}",)}),
    "run": Verb(
        "--sweep {sweep} --device cpu --out {new}",
        {
            Place.run: ("--resume {place}",),
            Place.provider: (f"{_TINY} --strict --out {{new}} --provider {{place}}",),
            Place.sweep: ("--device cpu --out {new} --sweep {place}",),
            Place.folder: (f"{_TINY} --out {{place}}",),
        },
    ),
    "claims": Verb(
        f"{_CLAIM} --out {{new}}",
        {Place.run: ("--resume {place}",), Place.folder: (f"{_CLAIM} --out {{place}}",)},
        again="--resume {claims}",
    ),
    "check": Verb(
        "{provider} --op elu --dtype bf16 --device cpu",
        {Place.provider: ("{place} --op elu --dtype bf16 --device cpu",)},
    ),
    "new-provider": Verb("{new}.py", {Place.file: ("{place}.py",)}),
    "inspect": Verb(
        "--op relu --dtype bf16 --arch sm_90",
        {
            Place.provider: ("--op relu --dtype bf16 --arch sm_90 --provider {place}",),
            Place.folder: ("--op relu --dtype bf16 --arch sm_90 --listings {place}",),
        },
    ),
    "crosscheck": Verb(
        "--sizes 4096 --rounds 6 --seconds 0.01 --device cpu --provider eager",
        {Place.provider: ("--sizes 100 --rounds 6 --seconds 0.01 --device cpu --provider {place}",)},
    ),
    "prove": Verb(
        f"{_PROOF} --out {{new}}",
        {
            Place.run: ("--resume {place}",),
            Place.provider: (f"{_PROOF} --out {{new}} --provider {{place}}",),
            Place.folder: (f"{_PROOF} --out {{place}}",),
        },
        again="--resume {prove}",
    ),
    "conform": Verb(
        "--provider eager --op elu --dtype bf16 --device cpu",
        {
            Place.provider: ("--op elu --dtype bf16 --device cpu --provider {place}",),
            Place.folder: ("--provider eager --op elu --dtype bf16 --device cpu --out {place}",),
        },
    ),
    "doctor": Verb(""),
}


def filled(name: str, words: str, **places: str | Path) -> list[str]:
    """The words of a verb's command line."""
    return [name, *(word.format(**places) for word in words.split())]
