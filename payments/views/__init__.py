"""The views of payments, with one module for each subject."""
