"""REST about people, by noun."""
