"""The opset and IR version that every graph is converted to."""

OPSET = 20  # the one of PyTorch's exporter, for which the rules are written
IR_VERSION = 10
