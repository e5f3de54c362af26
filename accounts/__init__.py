"""Accounts: users, logins, one-time codes, follows and blocks."""
