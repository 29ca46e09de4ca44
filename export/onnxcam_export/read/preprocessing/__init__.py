"""How an image becomes the input: the preprocessing in any of its forms, checked against the model."""
