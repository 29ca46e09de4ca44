"""Shared by all stages: the graph's steps, the builder that emits nodes, files and sessions."""
