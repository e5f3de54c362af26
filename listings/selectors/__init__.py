"""Reads of products that are not one row; SQL by hand where the rows are many (see docs/performance.md)."""
