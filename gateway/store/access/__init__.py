"""Who may do what, as the store keeps it."""
