"""Offers, and the transactions they become."""
