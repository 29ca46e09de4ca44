"""Stage 6: verifies the finished file against an independent reference."""
