"""Cheaper ways to compute the gradient of one operator. A rule calls one function of one module here."""
