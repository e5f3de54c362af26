"""Generates what `clients/` has from the API's descriptions: `.venv/bin/python -m clients.generate`."""
