"""Every write about people, by noun."""
