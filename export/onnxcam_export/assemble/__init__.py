"""Stage 5: assembles the explainer model: its inputs, its outputs and its branches."""
