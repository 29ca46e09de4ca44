"""From a photograph to a tensor, and from the tensor's positions back to the photograph."""
