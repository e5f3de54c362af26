"""Backups of the database and the media files: making, checking and restoring them."""
