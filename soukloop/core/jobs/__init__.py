"""Background jobs: enqueueing them, and the staff's list of them."""
