"""Keeping a campaign's controller alive for weeks."""
