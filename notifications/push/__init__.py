"""Sending pushes to devices."""
