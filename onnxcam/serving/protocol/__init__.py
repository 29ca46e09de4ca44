"""The Open Inference Protocol: health, metadata and inference, with tensors as JSON or in the binary extension."""
