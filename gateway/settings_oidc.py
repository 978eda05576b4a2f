"""What can be set of logins by an OpenID provider: `[fieldgate.oidc]`."""

from typing import Final
from urllib.parse import urlsplit

import attrs

__all__ = ["ROLE_WORDS", "Oidc"]

ROLE_WORDS: Final = ("administrator", "operator", "read-only", "reseller", "company-owner", "restore-user")


@attrs.frozen(kw_only=True)
class Oidc:
    """The OpenID provider, and what its word is worth."""

    # as its configuration says it, without /.well-known/…; "" is none: nobody logs in so
    issuer: str = ""
    client_id: str = ""
    # a file with the client's secret; "" is none: a public client, by PKCE alone
    client_secret_file: str = ""
    # https://NAME:1280/api/v3/login/oidc/callback, as it is registered at the provider
    redirect_uri: str = ""
    # authorities (PEM) that its certificate is trusted by; "" are the system's
    ca: str = ""
    # what is asked for; openid is needed, and whatever makes the provider say the claim
    scopes: tuple[str, ...] = ("openid", "profile")
    # the claim of the ID token that roles are given by: a text or a list of texts
    claim: str = "groups"
    # "VALUE=ROLE", or "VALUE=ROLE@ORGANIZATION" for a reseller's or a company's; the first that fits counts
    roles: tuple[str, ...] = ()

    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
        if not self.issuer:
            return ""
        for name, url in (("issuer", self.issuer), ("redirect_uri", self.redirect_uri)):
            parts = urlsplit(url)
            if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
                return f"oidc.{name} = {url!r} is no https URL without a query"
        if not self.client_id or not self.claim:
            return "oidc.client_id and oidc.claim are needed with oidc.issuer"
        if "openid" not in self.scopes:
            return "oidc.scopes needs openid"
        if not self.roles:
            return "oidc.roles is empty: nobody who logs in would be anybody"
        for each in self.roles:
            value, _, role = each.rpartition("=")
            if not value or role.partition("@")[0] not in ROLE_WORDS:
                return f"oidc.roles: {each!r} is not VALUE=ROLE or VALUE=ROLE@ORGANIZATION, ROLE one of {', '.join(ROLE_WORDS)}"
        return ""
