"""The agent: runs on the customer's server, dials out, and loses nothing it has to say."""
