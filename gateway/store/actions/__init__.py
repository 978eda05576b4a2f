"""Actions: what the gateway itself was asked to do and does in its own time."""
