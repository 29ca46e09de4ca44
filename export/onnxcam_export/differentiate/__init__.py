"""Stage 4: emits the gradient as ONNX nodes."""
