"""Every write to offers and sales, with one module for each subject."""
