"""Writes onnxcam explainer models: differentiates a CNN's graph and compiles the explanation into it.

>>> from onnxcam_export import export
>>> report = export(model, "model.onnx", input_shape=(1, 3, 224, 224))  # doctest: +SKIP
"""
