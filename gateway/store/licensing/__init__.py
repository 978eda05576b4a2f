"""Licences: products and contracts, the licences that were made of them, on which server each is, and deeds that wait for the authority."""
