"""A million random operations with money, by HTTP under `kill -9` and through services; then the proof."""

from bench.ledger.report import main

__all__ = ["main"]
