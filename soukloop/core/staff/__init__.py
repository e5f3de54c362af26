"""The admin: base classes of its screens, formatting of values, the history of staff actions."""
