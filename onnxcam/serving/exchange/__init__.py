"""What all requests share: their bodies, errors, times, figures and the log."""
