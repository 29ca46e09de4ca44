"""Explains pictures that clients send, as JSON or as other pictures, and the page that asks for it."""
