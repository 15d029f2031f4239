"""ledger and configuration -> decisions: what is tried next, what was learnt, when a campaign stops, what it may still spend."""
