"""What every app stands on: errors, envelope, money, limits, jobs."""
