"""Machine code without a device: kernels compiled, disassembled, counted, and held against what a GPU can issue.

`rows` says what comes out and needs the standard library only; `worker` makes it, in a process of its own:

    capture (what an op launches) → compile → disassemble → sass | amd (instructions) → flow (loops, main path)
    → pipelines (who executes an opcode, and how fast) → model (an `InspectedRow`)
"""
