"""Souk Loop: the composition root, which wires the apps together."""
