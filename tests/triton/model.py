"""A stand-in for Triton's ONNX backend, which no package of PyPI has: it runs the model in ONNX Runtime.

As that backend does, it joins the requests of a batch, gives every configured output, and splits them by rows.
"""

from __future__ import annotations

import json
import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils  # Triton's own module, which exists inside its process alone


class TritonPythonModel:
    def initialize(self, args):
        self.config = json.loads(args["model_config"])
        folder = os.path.join(args["model_repository"], args["model_version"])
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        self.session = onnxruntime.InferenceSession(
            os.path.join(folder, "model.onnx"),
            options,
            providers=["CPUExecutionProvider"],
        )
        inputs = (*self.session.get_inputs(), *self.session.get_overridable_initializers())
        self.ranks = {value.name: len(value.shape) for value in inputs}
        self.outputs = [output["name"] for output in self.config["output"]]

    def execute(self, requests):
        if self.config["max_batch_size"] == 0:
            return [self._response(self._run(self._feed(request))) for request in requests]
        feeds = [self._feed(request) for request in requests]
        joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
        ends = np.cumsum([len(next(iter(feed.values()))) for feed in feeds])
        outputs = self._run(joined)
        split = [np.split(values, ends[:-1]) for values in outputs]
        return [self._response(rows) for rows in zip(*split, strict=True)]

    def _feed(self, request):
        given = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        return {name: values.reshape(()) if self.ranks[name] == 0 else values for name, values in given.items()}

    def _run(self, feed):
        return self.session.run(self.outputs, feed)

    def _response(self, outputs):
        named = zip(self.outputs, outputs, strict=True)
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, np.ascontiguousarray(a)) for name, a in named])
