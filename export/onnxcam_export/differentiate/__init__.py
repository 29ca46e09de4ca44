"""Stage 4: the gradient, as ONNX nodes."""
