"""Fleets of simulated agents: the real client many times over, a ledger of what it said, and a verification."""
