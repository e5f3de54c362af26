"""Conversations between a buyer and a seller."""
