"""Streams over REST (guide 4.1 to 4.9), and the media server's callbacks."""
