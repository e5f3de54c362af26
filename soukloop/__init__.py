"""Souk Loop: the composition root, which wires the apps together."""

__version__ = "1.0.0"
