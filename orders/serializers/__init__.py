"""Inputs and outputs of orders, with one module for each subject."""
