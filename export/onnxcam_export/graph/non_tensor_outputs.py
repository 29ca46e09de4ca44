"""Hides and restores outputs of types that onnx_ir does not know: maps, such as scikit-learn's ZipMap writes.

The nodes that write them are moved to another domain while the graph is changed, so that no pass touches them. They
move back, with the types of their outputs, when the model is saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

if TYPE_CHECKING:
    from pathlib import Path

# The prefix of a hidden node's domain.
HIDDEN_DOMAIN = "onnxcam.hidden/"

# The key in a model's ``meta`` of the hidden types, by output name.
HIDDEN_TYPES = "onnxcam.hidden_types"


def hide(proto: onnx.ModelProto) -> dict[str, onnx.TypeProto]:
    """Hides the nodes that write maps, in place.

    Returns:
        The types that were removed, by output name.
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
            node.domain = HIDDEN_DOMAIN + node.domain
    versions = {opset.domain: opset.version for opset in proto.opset_import}
    for domain in sorted(domains):
        proto.opset_import.add(domain=HIDDEN_DOMAIN + domain, version=versions.get(domain, 1))
    return types


def restore(path: Path, types: dict[str, onnx.TypeProto]) -> None:
    """Puts hidden nodes and types back into a saved model."""
    proto = onnx.load(path, load_external_data=False)
    for node in proto.graph.node:
        node.domain = node.domain.removeprefix(HIDDEN_DOMAIN)
    versions = {opset.domain.removeprefix(HIDDEN_DOMAIN): opset.version for opset in proto.opset_import}
    del proto.opset_import[:]
    for domain, version in versions.items():
        proto.opset_import.add(domain=domain, version=version)
    for value in proto.graph.output:
        if value.name in types:
            value.type.CopyFrom(types[value.name])
    onnx.save(proto, path)


def _has_map(kind: onnx.TypeProto) -> bool:
    if kind.HasField("sequence_type"):
        return _has_map(kind.sequence_type.elem_type)
    return bool(kind.HasField("map_type"))
