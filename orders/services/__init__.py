"""Every write to orders, with one module for each subject."""
