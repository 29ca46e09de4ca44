"""Sanity checks of explanations: do they change with the class, and with the model's weights?"""
