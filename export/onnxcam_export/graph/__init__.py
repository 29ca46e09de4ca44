"""What all stages share: the graph's steps, the builder that emits nodes, and files."""
