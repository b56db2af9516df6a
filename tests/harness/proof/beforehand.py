"""Does what every proof does first and alike: compiles its functions, and looks for what fp64 cannot round.

A warm process imports it (tests.harness.warm), so that proofs by the command line begin with their own work.
"""

from __future__ import annotations

import numpy as np

from harness.proof import exp2, reference
from harness.proof.lines import LINES, Known
from harness.proof.measure import Tally

exp2.wrong_arguments(exp2.close_arguments())
for _known in Known:
    reference.worst_of_library(_known, 1, seed=0)
for _line in LINES.values():
    _bits = np.zeros(2, f"uint{_line.bits}")
    Tally(_line, Known.FORWARD).add(_bits, _bits, False)
