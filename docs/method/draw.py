"""The pictures of docs/method.md: `python docs/method/draw.py` writes them beside this file.

Sketches, drawn from made-up times that show a rule: no figure in them was measured.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent
INK, SOFT, BLUE, ORANGE, GREEN, RED = "#222", "#999", "#2f6fad", "#d9822b", "#3b8f5a", "#b5383a"


def text(x: float, y: float, words: str, size: int = 13, anchor: str = "middle", fill: str = INK) -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{words}</text>'


def box(x: float, y: float, width: float, height: float, fill: str, words: str = "") -> str:
    drawn = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" fill="{fill}"/>'
    return drawn + (text(x + width / 2, y + height / 2 + 4.5, words, fill="#fff") if words else "")


def line(x1: float, y1: float, x2: float, y2: float, stroke: str = SOFT, more: str = "") -> str:
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{stroke}" {more}/>'


def dot(x: float, y: float, fill: str) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="3" fill="{fill}"/>'


def write(name: str, width: int, height: int, title: str, parts: Iterable[str]) -> None:
    body = "\n".join(parts)
    (FOLDER / f"{name}.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{title}" font-family="sans-serif">\n<title>{title}</title>\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n{body}\n</svg>\n',
        encoding="utf-8",
    )


def way() -> None:
    names = ("sweep", "cases", "gate", "warm-up", "samples", "record", "tables")
    parts = [box(10 + 104 * n, 46, 84, 40, GREEN if n in (2, 3, 4) else BLUE, name) for n, name in enumerate(names)]
    parts += [text(102 + 104 * n, 71, "→", 18) for n in range(6)]
    parts += [
        f'<rect x="210" y="18" width="308" height="84" rx="6" fill="none" stroke="{GREEN}" stroke-dasharray="5 4"/>',
        text(364, 14, "a worker process: what dies here costs one case", 12, fill=GREEN),
        text(530, 108, "fsync, before the next begins", 12, "start", BLUE),
    ]
    write("way", 740, 124, "The way of one number", parts)


def cold() -> None:
    parts = [text(64, 41, "host", anchor="end"), text(64, 89, "device", anchor="end")]
    x = 76.0
    for width, name, fill in ((70, "flush", SOFT), (60, "spin", SOFT), (44, "event", INK), (60, "call", BLUE)):
        parts.append(box(x, 24, width, 26, fill, name))
        x += width + 3
    parts.append(box(x, 24, 44, 26, INK, "event"))
    parts += [box(90, 72, 170, 26, SOFT, "writes twice the L2"), box(262, 72, 170, 26, SOFT, "spins")]
    parts += [box(434, 72, 120, 26, BLUE, "the call, cold"), line(433, 58, 433, 112, INK), line(555, 58, 555, 112, INK)]
    parts += [
        text(494, 128, "the time", fill=BLUE),
        text(262, 128, "queued before the device gets there", 12, fill=SOFT),
    ]
    write("cold", 600, 140, "One cold sample on a GPU: the flush and the launch are outside of the time", parts)


def rounds() -> None:
    chance = random.Random(4)
    names = {"eager": BLUE, "eager again": SOFT, "triton": ORANGE, "roof": GREEN}
    parts = []
    for number in range(4):
        order = list(names)
        chance.shuffle(order)
        x = 10 + number * 180
        parts.append(text(x + 80, 18, f"round {number + 1}", 12))
        for place, name in enumerate(order):
            parts.append(box(x + place * 41, 28, 38, 30, names[name]))
    for place, (name, fill) in enumerate(names.items()):
        parts += [box(60 + place * 160, 78, 16, 16, fill), text(84 + place * 160, 91, name, anchor="start")]
    write("rounds", 730, 106, "Providers take turns in random order, one of them twice", parts)


def interval() -> None:
    chance = random.Random(1)
    times = sorted([100 + chance.expovariate(1 / 4) for _ in range(36)] + [131.0, 138.0, 149.0, 152.0])
    x = [40 + (time - 98) * 11 for time in times]
    low, middle, high = x[13], (x[19] + x[20]) / 2, x[26]  # ranks 14 and 27 of 40 hold 95%
    parts = [line(30, 60, 660, 60)]
    parts += [dot(each, 60 - 5 * (n % 3), BLUE) for n, each in enumerate(x)]
    parts += [
        line(low, 80, high, 80, ORANGE, 'stroke-width="4"'),
        line(middle, 36, middle, 86, INK, 'stroke-width="2"'),
        text(middle, 28, "median"),
        text(low, 104, "95%: the 14th to the 27th of 40", anchor="start", fill=ORANGE),
        text(600, 84, "a few slow ones do not move it", 12, fill=SOFT),
        text(660, 52, "time →", 12, "end", SOFT),
    ]
    write("interval", 690, 116, "The interval of a median is two of the samples", parts)


def floor() -> None:
    parts = [box(300, 14, 120, 150, "#eee"), line(360, 10, 360, 168, SOFT, 'stroke-dasharray="4 3"')]
    rows = (
        ("A/A: itself", 312, 408, SOFT, "sets the floor"),
        ("faster", 170, 250, GREEN, "all of it beyond the floor"),
        ("same", 335, 385, BLUE, "all of it within"),
        ("undecided", 270, 350, ORANGE, "across the edge: more samples"),
        ("slower", 460, 540, RED, "all of it beyond"),
    )
    for n, (name, low, high, fill, why) in enumerate(rows):
        y = 32 + 29 * n
        parts += [line(low, y, high, y, fill, 'stroke-width="5"'), text(140, y + 4, name, anchor="end", fill=fill)]
        parts.append(text(570, y + 4, why, 12, "start", SOFT))
    parts += [text(360, 184, "1", 12), text(300, 184, "1 − floor", 12, "end"), text(420, 184, "1 + floor", 12, "start")]
    write("floor", 760, 194, "No difference within the noise floor is claimed", parts)


def audit() -> None:
    chance = random.Random(3)
    touched = {chance.randrange(40) for _ in range(6)} | {39}
    parts = []
    for row, (name, fill) in enumerate((("inputs", BLUE), ("outputs", GREEN))):
        y = 20 + row * 52
        parts.append(text(70, y + 18, name, anchor="end"))
        for n in range(40):
            parts.append(box(80 + n * 15, y, 13, 26, ORANGE if n in touched else fill))
    parts += [
        text(380, 60, "fresh values at random places, the last one among them", 12, fill=ORANGE),
        text(380, 114, "rubbish before the timed call, held against the oracle after it", 12, fill=ORANGE),
    ]
    write("audit", 700, 126, "An audit of a timed call", parts)


if __name__ == "__main__":
    for draw in (way, cold, rounds, interval, floor, audit):
        draw()
