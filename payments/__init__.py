"""Payments through providers, refunds, payouts, and the ledger that accounts for every fils."""
