"""Background jobs: enqueueing, retrying, and their admin screen."""
