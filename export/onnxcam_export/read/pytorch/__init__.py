"""PyTorch modules and programs, captured as graphs."""
