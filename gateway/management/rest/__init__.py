"""What all routes have in common: envelopes, errors, queries, who asks."""
