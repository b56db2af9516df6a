"""The second front of the emulated GPU: NVIDIA's machine code, its meaning given in PTX, run by the same machine."""
