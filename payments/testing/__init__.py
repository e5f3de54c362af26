"""A server that speaks the card provider's protocol, for tests and benchmarks."""
