"""Names as they are found on real estates: a company, its domain, and hosts named the way its first administrator began.

Everything here is a table and a draw from it. Companies are made of a stem and a trade, so that 64 × 40 of them can be
told apart; all domains end in `.example` (RFC 2606), so no name here can ever be somebody's.
"""

import random
import uuid

import attrs

STEMS = (
    "Aldergate", "Amberley", "Arkwright", "Ashgrove", "Bellweather", "Birkenfeld", "Blackmoor", "Bluestone",
    "Brightwater", "Caledon", "Castellan", "Cedarholm", "Clearbrook", "Copperfield", "Cormorant", "Crestline",
    "Dalmore", "Dunhaven", "Eastbourne", "Elderwood", "Evergate", "Fairhaven", "Falkenberg", "Fernhill",
    "Firestone Bay", "Glenarden", "Goldcrest", "Granville", "Greyfriars", "Halcyon", "Harbourline", "Hawthorne",
    "Hollingbrook", "Ironbridge", "Juniper Vale", "Kestrel", "Kingsbury", "Lakemont", "Larkspur", "Lindenhof",
    "Longmeadow", "Marlowe", "Meridian", "Millbrook", "Montclair", "Nordwind", "Northgate", "Oakhurst",
    "Osprey", "Pembroke", "Pinecrest", "Quarrydale", "Ravenscar", "Redfern", "Rosemont", "Saltmarsh",
    "Silverlake", "Stonebridge", "Summerfield", "Thornbury", "Vantage", "Wakefield", "Westermark", "Yarrow",
)  # fmt: skip

TRADES = (
    "Accounting", "Architects", "Automotive", "Bakeries", "Brewing", "Ceramics", "Chemicals", "Clinic",
    "Construction", "Consulting", "Dental Group", "Distribution", "Electrical", "Engineering", "Fisheries", "Foods",
    "Foundry", "Freight", "Furniture", "Glassworks", "Hotels", "Insurance Brokers", "Instruments", "Law",
    "Logistics", "Marine", "Media", "Medical", "Metals", "Optics", "Packaging", "Pharma", "Plastics", "Printing",
    "Property", "Recruitment", "Schools Trust", "Textiles", "Timber", "Veterinary",
)  # fmt: skip

CITIES = (
    "AMS",
    "BER",
    "BHX",
    "BRN",
    "CPH",
    "DUB",
    "EDI",
    "GVA",
    "HAM",
    "LDS",
    "LIS",
    "LYS",
    "MAN",
    "MUC",
    "OSL",
    "VIE",
)
STARS = (
    "altair",
    "antares",
    "bellatrix",
    "capella",
    "deneb",
    "mimosa",
    "mizar",
    "polaris",
    "regulus",
    "rigel",
    "spica",
    "vega",
)
"""Small offices name their servers after something; these take over once the roles are spent."""


def make_uid(rng: random.Random) -> str:
    """A uuid4 drawn from *rng*, so that the same seed names the same things."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


@attrs.frozen(kw_only=True)
class Company:
    """Whose estate it is, and the pattern its host names follow."""

    name: str
    prefix: str
    domain: str
    city: str
    style: int

    def host(self, role: str, number: int) -> str:
        """The name of the *number*-th machine that does *role* (`SQL`, `ESX`, …)."""
        match self.style:
            case 0:
                return f"{self.prefix}-{role}{number:02d}"
            case 1:
                return f"{self.prefix.lower()}{role.lower()}{number:02d}"
            case 2:
                return f"{self.city}-{role}-{number:02d}"
            case 3:
                return f"SRV-{role}{number}"
            case _:
                return f"{role.lower()}{number:02d}.{self.domain}"

    def laptop(self, rng: random.Random) -> str:
        """A computer as the manufacturer's setup names it, or as the company's image does."""
        if rng.random() < 0.4:
            tail = "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=7))
            return f"{rng.choice(('LAPTOP', 'DESKTOP'))}-{tail}"
        return f"{self.prefix}-{rng.choice(('NB', 'WS', 'PC'))}-{rng.randint(1, 400):03d}"


def make_company(rng: random.Random, name: str | None = None) -> Company:
    """Draw a company; or everything but its *name*, so that a named one has hosts that look like its own."""
    drawn = f"{rng.choice(STEMS)} {rng.choice(TRADES)}"
    name = name or drawn
    stem = name.split(" ")[0]
    letters = [c for c in name.upper() if c.isascii() and c.isalpha()] or ["X"]
    consonants = [c for c in letters[1:] if c not in "AEIOU"]
    label = "".join(c for c in stem.lower() if c.isascii() and c.isalnum()) or "company"
    return Company(
        name=name,
        prefix="".join([letters[0], *consonants[:2]]),
        domain=f"{label}.example",
        city=rng.choice(CITIES),
        style=rng.randrange(5),
    )
