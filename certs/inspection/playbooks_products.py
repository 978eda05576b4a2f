"""What a product's own pages say about letting one connection pass: how it is found, exempted, allowed and put back.

Every line carries the version that it was read for and where. Facts are taken over; the sentences are ours.
"""

import attrs

from certs.inspection.playbooks_model import Recipe

__all__ = ["ProductBook"]


@attrs.frozen(kw_only=True)
class ProductBook:
    """One product. What is empty is told in general words instead.

    Attributes:
        slug: of `vendors_data`.
        name: what a person calls it.
        caller: whom to call about it, where that is not who runs the customer's firewall.
        find: the session in its log.
        exempt: out of TLS inspection, by address.
        unexempt: and back.
        allow: through a rule that blocks.
        unallow: and back.
        session: a longer life for a connection.
        unsession: and back.
        beware: what it does to origins whose CA it does not know, and other traps.
    """

    slug: str
    name: str
    caller: str = ""
    find: tuple[Recipe, ...]
    exempt: tuple[Recipe, ...]
    unexempt: tuple[Recipe, ...]
    allow: tuple[Recipe, ...] = ()
    unallow: tuple[Recipe, ...] = ()
    session: tuple[Recipe, ...] = ()
    unsession: tuple[Recipe, ...] = ()
    beware: tuple[Recipe, ...] = ()
