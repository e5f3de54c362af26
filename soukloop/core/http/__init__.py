"""Requests and answers: reading them, checking them, rendering them, describing them."""
