"""WHAT was tried: a trial's identity, its records, the ledger of a campaign, the lease, the plan of costs."""
