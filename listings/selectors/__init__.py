"""Reads of lists; by hand-written SQL where there are many rows (docs/performance.md)."""
