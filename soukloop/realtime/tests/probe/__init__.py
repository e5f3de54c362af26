"""An app installed only in tests, with commands that exercise the sockets in ways that no real app does."""
