"""How requests wait and run: limits, threads, batches and memory."""
