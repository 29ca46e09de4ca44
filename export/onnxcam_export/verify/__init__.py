"""Stage 6: compares the finished file with an independent reference."""
