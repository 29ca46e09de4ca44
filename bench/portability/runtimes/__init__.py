"""How each runtime opens and runs a model; a module of Python or JavaScript for each."""
