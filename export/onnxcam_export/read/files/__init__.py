"""ONNX files of any producer, in the one form that the export works on."""
