"""Follows the axes of values through the graph: which is the batch, which are channels, which are places."""
