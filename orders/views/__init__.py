"""REST views of orders, with one module for each subject."""
