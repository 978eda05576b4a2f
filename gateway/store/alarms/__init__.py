"""Alarms in the store: what is wrong and was, the rules that say so, maintenance, and who is told."""
