"""Prints docs/opcodes.md: python -m reports.publish.opcode_page FILE…, of `elubench inspect --validate --json`."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.machine_code.agreements import from_json
from reports.render.opcodes import page

if __name__ == "__main__":
    print(page([row for name in sys.argv[1:] for row in from_json(Path(name).read_bytes())]))
