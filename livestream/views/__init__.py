"""Streams over REST (contract 4.1 to 4.9), and the media server's callbacks."""
