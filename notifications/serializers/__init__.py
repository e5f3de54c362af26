"""Inputs and outputs of notifications."""
