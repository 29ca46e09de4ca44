"""Stage 2: simplifies the graph; the outputs do not change."""
