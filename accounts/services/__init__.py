"""Services: every write to accounts, one module per subject."""
