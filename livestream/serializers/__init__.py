"""Shapes of streams, in and out: snake_case in, camelCase out, as in the contract. No queries, no writes."""
