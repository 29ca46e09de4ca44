"""How a photograph becomes the input: what the user gave, in any of its forms, checked against the model."""
