"""Serializers of accounts: the inputs and outputs of their views."""
