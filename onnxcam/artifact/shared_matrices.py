"""Which part of a model are matrices that several products read, such as forward pass and gradient.

ONNX Runtime keeps a packed copy of a matrix for each product. Of VGG-16, fixed at level 1, these are 456 MiB.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

from onnxcam.artifact.graph import main_graph, origins_of

if TYPE_CHECKING:
    from onnxcam.artifact.graph import Tensor

_PRODUCTS = {"Gemm", "MatMul"}
# Between a stored matrix and its products; the export puts a Reshape there.
_REARRANGING = {"Identity", "Reshape", "Transpose"}


def share_of_shared_matrices(data: bytes) -> float:
    """The bytes of matrices that several products of the main graph read, as a share of all stored tensors.

    Args:
        data: The bytes of a model.

    Raises:
        DamagedError: They are no model.
    """
    graph = main_graph(data)
    origins = origins_of(graph.nodes, _REARRANGING)
    products = [{origins.get(name, name) for name in node.inputs} for node in graph.nodes if node.operator in _PRODUCTS]
    readers = Counter(itertools.chain.from_iterable(products))
    sizes = {name: _size(tensor) for name, tensor in graph.tensors.items()}
    shared = sum(size for name, size in sizes.items() if readers[name] > 1)
    return shared / max(1, sum(sizes.values()))


def _size(tensor: Tensor) -> int:
    if tensor.data is not None:
        return tensor.data[1] - tensor.data[0]
    length = tensor.external.get("length", "0")
    return int(length) if length.isdecimal() else 0
