"""The versions that every graph is brought to."""

OPSET = 20  # PyTorch's exporter writes it, and the rules are written for it
IR_VERSION = 10
