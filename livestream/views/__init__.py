"""Views of streams (contract 4.1 to 4.9), and of the media server's callbacks."""
