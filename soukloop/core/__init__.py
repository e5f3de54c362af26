"""The foundations that every app uses: errors, requests, money, Redis, background jobs, admin screens."""
