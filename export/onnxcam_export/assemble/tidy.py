"""Leaves in a finished model only what it needs: nodes, initializers, and no newer IR version."""

from __future__ import annotations

import onnx.helper
import onnx_ir as ir
import onnx_ir.passes.common as common_passes


def tidy(model: ir.Model) -> None:
    """Removes unused nodes and initializers of all graphs, and states the lowest IR version, in place.

    ONNX Runtime warns of each unused initializer at every load. ONNX Runtime 1.17 loads IR version 9, and not 10.
    """
    common_passes.RemoveUnusedNodesPass()(model)
    for graph in model.graphs():
        for name, value in list(graph.initializers.items()):
            if not value.uses() and not value.is_graph_input() and not value.is_graph_output():
                del graph.initializers[name]
    if not any(map(_is_of_a_newer_type, model.graph.initializers.values())):
        opsets = [onnx.helper.make_opsetid(domain, version) for domain, version in model.opset_imports.items()]
        model.ir_version = onnx.helper.find_min_ir_version_for(opsets, ignore_unknown=True)


def _is_of_a_newer_type(value: ir.Value) -> bool:
    """Whether the elements are smaller than a byte, which IR version 9 has no types for; a string has no size."""
    dtype = None if value.const_value is None else value.const_value.dtype
    return dtype is not None and dtype != ir.DataType.STRING and dtype.itemsize < 1
