"""The ops, one file for each: its device functions, what PyTorch is told of it, what users call.

A new op is a new file here and an import in kernels/__init__.py. A file has, in order:

- device functions, of a block as it was loaded: `forward`, `gradient`, and the like; several of one kind where a value
  of a parameter allows a shorter one;
- a function of the parameters that chooses among them, as `elementwise.Functions` or `broadcast.VectorFunctions`;
- `ACTIVATION`, an `Activation` or `VectorActivation`: with PyTorch's own operators, for tensors that no kernel can
  compute with;
- its `launch` and `launch_backward` as `NAME_out` and `NAME_backward_out`, which write into given tensors;
- `NAME` and `NAME_backward`, which autograd, compilers and transforms know;
- its module of torch.nn.

An op that is another with fixed parameters is a function that calls it (selu.py, celu.py).

Launchers are always Triton kernels, and never copy. They raise RuntimeError on a CPU outside the interpreter, TypeError
and ValueError for tensors that do not fit.
"""
