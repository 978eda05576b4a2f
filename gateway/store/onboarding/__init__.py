"""The business with resellers and companies: what is known of each, which cloud tenants are whose, and who consented to what."""
