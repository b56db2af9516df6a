"""Compiles kernels without a GPU, disassembles them, counts instructions, and compares the counts with a GPU's limits.

`rows` defines the result, without torch; `worker` makes it, in a process of its own:

    capture (what an op launches) → compile → disassemble → sass | amd (instructions) → flow (loops, main path)
    → pipelines (who executes an opcode, and how fast) → model (an `InspectedRow`)
"""
