"""Reads of products and categories; in plain SQL where there are many rows (docs/performance.md)."""
