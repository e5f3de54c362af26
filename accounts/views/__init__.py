"""REST views of accounts, one module per subject."""
