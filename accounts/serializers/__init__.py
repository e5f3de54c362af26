"""The shapes of requests and answers about people, by noun."""
