"""Stage 3: finds the score, the target layers and the activations."""
