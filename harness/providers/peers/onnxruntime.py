"""ONNX Runtime: a model of one Elu, bound to the memory of the input and of the output."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from harness.ops.cases import Case
from harness.ops.op import Unsupported
from harness.plumbing.errors import first_line
from harness.providers.peers import check_case, check_on, imported

# The numbers that ONNX has for dtypes.
_ELEMENT = {"float32": 1, "float16": 10, "float64": 11, "bfloat16": 16}
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : ")
_OPSET, _IR_VERSION = 21, 10  # of 2024: newer runtimes read them


def prepare(case: Case) -> Callable[..., None]:
    """A call that runs the model; what is bound is kept for each pair of buffers."""
    runtime = imported("onnxruntime", "ONNX Runtime", "'elubench[peers]'")
    check_case(case, "ONNX", ("elu",))
    element, options = _ELEMENT[case.dtype], runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(_model(element, case), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds, one for each status
        raise Unsupported(
            f"ONNX Runtime's CPU has no Elu of {case.dtype} ({_CODE.sub('', first_line(error))[:100]})"
        ) from error
    bindings: dict[tuple[int, int], Any] = {}

    def bound(x: Tensor, out: Tensor) -> Any:
        binding = session.io_binding()
        binding.bind_input("x", "cpu", 0, element, tuple(x.shape), x.data_ptr())
        binding.bind_output("y", "cpu", 0, element, tuple(out.shape), out.data_ptr())
        return binding

    def call(x: Tensor, out: Tensor) -> None:
        check_on("cpu", "ONNX Runtime", (x,))
        if not x.numel():  # which has no address to bind
            session.run(None, {"x": x.numpy()})
            return
        place = (x.data_ptr(), out.data_ptr())
        if place not in bindings:
            bindings[place] = bound(x, out)
        session.run_with_iobinding(bindings[place])

    return call


def _model(element: int, case: Case) -> bytes:
    helper = imported("onnx.helper", "onnx", "'elubench[peers]'")
    tensors = [helper.make_tensor_value_info(name, element, list(case.shape)) for name in ("x", "y")]
    node = helper.make_node("Elu", ["x"], ["y"], alpha=case.params["alpha"])
    graph = helper.make_graph([node], "elu", tensors[:1], tensors[1:])
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
    return bytes(model.SerializeToString())
