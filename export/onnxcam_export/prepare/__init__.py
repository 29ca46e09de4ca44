"""Stage 2: simplifies the graph; its outputs do not change."""
