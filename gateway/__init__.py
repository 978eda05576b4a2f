"""Fieldgate's gateway: edge, journal, projector, store and the command line that runs them."""
