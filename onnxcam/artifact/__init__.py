"""Reads a finished model's file from its bytes, without the package onnx."""
