"""Services: every write to notifications, devices, pushes and people's settings."""
