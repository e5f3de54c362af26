"""Redis: its clients, key names, and rate limits."""
