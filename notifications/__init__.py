"""Notifications: a row in each person's inbox, and an event to their connections."""
