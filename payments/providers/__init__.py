"""The providers through which payments are made, one module or package for each."""
