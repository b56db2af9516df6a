"""The emulated GPU: kernels as compiled to PTX, executed on the CPU, all threads of many blocks at once."""
