"""Every write to accounts, by noun."""
