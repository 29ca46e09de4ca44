"""Cheaper forms of one operator; each rule calls one function of one module here."""
