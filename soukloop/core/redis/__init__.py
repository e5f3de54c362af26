"""The connection to Redis and what is counted there."""
