"""OpenSSL's verdict on a chain by somebody else's roots: what other programs on this computer would say."""

from collections.abc import Sequence

from OpenSSL import crypto

__all__ = ["chain_is_trusted"]


def chain_is_trusted(chain_der: Sequence[bytes], roots_der: Sequence[bytes]) -> bool:
    """Whether *chain_der* (leaf first) leads to one of *roots_der* at this moment. The name is not looked at."""
    try:
        leaf, *others = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain_der)
        store = crypto.X509Store()
        for der in roots_der:
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, der))
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except (crypto.Error, crypto.X509StoreContextError, ValueError):
        return False
    return True
