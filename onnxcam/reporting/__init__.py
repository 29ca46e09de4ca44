"""A report of many explanations: one HTML file that needs nothing else, and the same facts as JSON."""
