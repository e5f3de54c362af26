"""Figures to reach, measured: `python -m bench [name…]`."""
