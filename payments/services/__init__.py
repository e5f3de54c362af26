"""Every write to payments, with one module for each subject."""
