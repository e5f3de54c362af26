"""Every write to streams, by noun."""
