"""Reads about streams, by noun: lists, audiences, figures, analytics, rooms, replays."""
