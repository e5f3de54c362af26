"""Reads about streams: each module by the noun it reads."""
