"""Measures how good explanations are: metrics, baselines that must lose, conventions, and the evaluation of a folder."""
