"""Runs models in ONNX Runtime: sessions, execution providers, the golden check and the doctor."""
