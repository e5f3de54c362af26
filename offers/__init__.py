"""Offers between a buyer and a seller, and the sales that accepted offers become."""
