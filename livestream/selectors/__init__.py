"""Every read about streams, with one module for each subject."""
