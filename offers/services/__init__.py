"""Every write to offers and sales, by noun."""
