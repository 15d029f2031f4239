"""Trials that were decided or run: their identity, attempts and records, the ledger of a campaign, leases and costs."""
