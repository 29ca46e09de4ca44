"""A finished model as a file: what can be read from its bytes, without the package onnx."""
