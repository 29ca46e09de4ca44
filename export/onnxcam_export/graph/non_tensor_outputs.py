"""Outputs of types that onnx_ir does not know (maps, as scikit-learn's ZipMap makes them): held apart, left alone.

The nodes that write them move to a domain of their own while the graph is worked on, so that nothing looks into them,
and go back, with the types of their outputs, when the model is saved (``onnxcam_export.graph.files``).
"""

from __future__ import annotations

import onnx

from onnxcam_export.graph.files import HELD


def hold(proto: onnx.ModelProto) -> dict[str, onnx.TypeProto]:
    """Hides the nodes that write maps, in place.

    Returns:
        The types that were taken away, by output name.
    """
    types: dict[str, onnx.TypeProto] = {}
    for values in (proto.graph.output, proto.graph.value_info):
        for value in values:
            if _has_map(value.type):
                types[value.name] = onnx.TypeProto.FromString(value.type.SerializeToString())
                value.ClearField("type")
    domains = set()
    for node in proto.graph.node:
        if types.keys() & set(node.output):
            domains.add(node.domain)
            node.domain = HELD + node.domain
    versions = {opset.domain: opset.version for opset in proto.opset_import}
    for domain in sorted(domains):
        proto.opset_import.add(domain=HELD + domain, version=versions.get(domain, 1))
    return types


def _has_map(kind: onnx.TypeProto) -> bool:
    if kind.HasField("sequence_type"):
        return _has_map(kind.sequence_type.elem_type)
    return bool(kind.HasField("map_type"))
