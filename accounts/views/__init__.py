"""REST views of accounts, by noun."""
