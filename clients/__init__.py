"""Clients for app teams, and what is generated from the API's descriptions for them."""
