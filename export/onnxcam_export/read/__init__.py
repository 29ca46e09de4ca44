"""Stage 1: any source becomes an ONNX graph in one form."""
