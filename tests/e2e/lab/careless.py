"""`python -m tests.e2e.lab.careless …` is `fieldgate …` with a gateway that sends its certificate without its issuer's."""

import sys

from certs import Authority, chain_from_pem, chain_to_pem
from gateway.cli import main

if __name__ == "__main__":
    whole = Authority.gateway_chains

    def leaf_alone(self: Authority) -> list[tuple[bytes, bytes]]:
        return [(chain_to_pem(chain_from_pem(chain)[:1]), key) for chain, key in whole(self)]

    Authority.gateway_chains = leaf_alone  # type: ignore[method-assign]  # the fault
    sys.exit(main(sys.argv[1:]))
