"""`fieldgate-agent probe`: the whole way to a gateway, looked at once by a person at the customer's site."""
