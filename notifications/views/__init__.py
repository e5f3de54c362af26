"""REST views of notifications."""
