"""Brings a model's functions to the model's operator sets, so that they can be inlined."""

from __future__ import annotations

import onnx.defs
import onnx_ir as ir

from onnxcam_export.errors import SourceError


def align_functions(model: ir.Model) -> None:
    """Lets every function import the versions that the model imports, in place.

    Raises:
        SourceError: One of its operators is another one in the model's version.
    """
    for function in model.functions.values():
        for domain, version in list(function.opset_imports.items()):
            wanted = model.opset_imports.get(domain, version)
            changed = _changed(function, domain, version, wanted) if wanted != version else None
            if changed is not None:
                raise SourceError(
                    f"the function {function.name!r} is written in opset {version} and the model in {wanted}, between "
                    f"which {changed} changed, and this is not supported; export the model again with one opset"
                )
            function.opset_imports[domain] = wanted


def _changed(function: ir.Function, domain: str, version: int, wanted: int) -> str | None:
    """The first operator in the function that means something else in the wanted version; None if none does."""
    for node in ir.traversal.RecursiveGraphIterator(function):
        if node.domain == domain and onnx.defs.has(node.op_type, domain):
            old, new = (onnx.defs.get_schema(node.op_type, number, domain) for number in (version, wanted))
            if old.since_version != new.since_version and not (version < wanted and _extends(old, new)):
                return node.op_type
    return None


def _extends(old: onnx.defs.OpSchema, new: onnx.defs.OpSchema) -> bool:
    """Whether the newer version of an operator only adds types, optional inputs or attributes."""
    kept = all(
        name in new.attributes
        and attribute.required == new.attributes[name].required
        and attribute.default_value.SerializeToString() == new.attributes[name].default_value.SerializeToString()
        for name, attribute in old.attributes.items()
    )
    return kept and old.min_input == new.min_input and not new.deprecated and new.name not in _REDEFINED


# Attributes of the same name that mean something else, or that can no longer be left out.
_REDEFINED = {"Softmax", "LogSoftmax", "Hardmax", "Split", "GroupNormalization"}
