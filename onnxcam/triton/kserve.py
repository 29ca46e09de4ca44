"""The manifest of a KServe ``InferenceService`` that serves a Triton repository.

https://kserve.github.io/website/docs/reference/crd-api: v1beta1, ``spec.predictor.model``.
"""

from __future__ import annotations

import json
import re

from onnxcam.triton.configuration import MARK

_LONGEST_NAME = 63  # of a label in the names of the DNS, RFC 1123

_MANIFEST = """\
{mark}: copy the repository to the address below, then kubectl apply -f this file.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
spec:
  predictor:
    model:
      modelFormat:
        name: triton
      runtime: kserve-tritonserver
      protocolVersion: v2
      storageUri: {address}
"""


def manifest(name: str, address: str) -> str:
    """The YAML of the service.

    Args:
        name: The model's name.
        address: The repository as the cluster sees it, such as ``s3://models/triton`` or ``pvc://models/triton``.
    """
    # A string of JSON is one of YAML.
    return _MANIFEST.format(mark=MARK, name=service_name(name), address=json.dumps(address, ensure_ascii=False))


def service_name(name: str) -> str:
    """A model's name as one of a Kubernetes resource: lower-case letters, digits and hyphens, a letter first."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return (plain if plain[:1].isalpha() else f"model-{plain}")[:_LONGEST_NAME].strip("-")
