"""Every write to streams, with one module for each subject."""
