"""What people are told: an inbox row each, and the event that says so."""
