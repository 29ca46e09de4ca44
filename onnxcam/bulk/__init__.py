"""Images in bulk: where they come from, the rows that they become, and the workers that share a cluster. No Ray yet."""
