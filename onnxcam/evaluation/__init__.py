"""Measures how good explanations are, by several metrics and conventions, beside baselines that explain nothing."""
