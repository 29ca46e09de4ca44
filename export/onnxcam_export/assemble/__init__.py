"""Stage 5: the explainer model, its outputs and its branches."""
