"""ONNX Runtime, of whatever flavour is installed: sessions, execution providers, the golden check and the doctor."""
