"""6050 to 6099: who may do what over REST and at the console, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

ACCESS: Final[dict[Code, Explanation]] = {
    Code.CREDENTIAL_REFUSED: Explanation(
        "credential refused",
        "The API key or token opens nothing. Whether it is unknown, expired or revoked is not told to whoever sent it, because that one "
        "may be guessing; the log of the management process and the audit say which.",
        "Look the key up with `fieldgate apikey list`; make a new one with `fieldgate apikey create`, or log in again.",
    ),
    Code.CREDENTIAL_MISSING: Explanation(
        "no credential",
        "The request carried no API key and no token, or not in the form `Authorization: Bearer …`.",
        'Send one: `-H "Authorization: Bearer KEY"`. `fieldgate apikey create` makes a key.',
    ),
    Code.CREDENTIAL_MISTYPED: Explanation(
        "credential mistyped",
        "It has not the form of a key or token of ours: a character is wrong or missing, there are quotes around it, or it is for another "
        "program. Its check sum tells that without a look at the store.",
        "Copy it again, whole: fgk1_ and 49 characters for an API key.",
    ),
    Code.CREDENTIAL_UNKNOWN: Explanation(
        "credential unknown",
        "It is well formed, and not one that this provider's store knows. Told in the log only.",
        "Is it a key of another provider, or of a store that was replaced? If it can't be explained, somebody may be guessing.",
    ),
    Code.CREDENTIAL_EXPIRED: Explanation(
        "credential expired",
        "Its time is over. Told in the log and the audit only.",
        "Make a new key with `fieldgate apikey create`, or renew the token with its refresh token.",
    ),
    Code.CREDENTIAL_REVOKED: Explanation(
        "credential revoked",
        "Somebody ended it; the audit says who. Told in the log and the audit only.",
        "If whoever uses it should still get in, make a new key. If nobody should, find out who still has it.",
    ),
    Code.CREDENTIAL_OWNER_DISABLED: Explanation(
        "owner of the credential disabled",
        "The key belongs to a user who is disabled, and ends with that user. Told in the log and the audit only.",
        "Make a key for a program, which belongs to nobody, or one of a user who is there.",
    ),
    Code.PERMISSION_MISSING: Explanation(
        "not permitted",
        "It is known who asks, and the role does not allow this, or the key may only read. The message names the permission that it takes.",
        "Ask somebody with a role that may; docs/security.md has the table. A read-only key stays one: make another.",
    ),
    Code.ROLE_MISPLACED: Explanation(
        "role does not fit",
        "A role belongs to the provider, to a reseller or to a company, and was to be given in an organization of another kind, or by "
        "somebody who does not reach that far.",
        "Name the organization that the person or program belongs to, or another role; docs/security.md has the table.",
    ),
    Code.LOGIN_REFUSED: Explanation(
        "login refused",
        "There is no user of that name, the password is another, the user is disabled, or logs in by the OpenID provider. Which of them is "
        "told in the log only: otherwise anybody could find out who the users are.",
        "Type it again. An administrator sees the users with `fieldgate user list` and sets a password with `fieldgate user set-password`.",
    ),
    Code.LOGIN_HELD_BACK: Explanation(
        "login held back",
        "Too many logins failed: by that name from there, from there by any name, or by that name from anywhere. No attempt is looked at "
        "for the time that the answer names, which doubles with every further failure up to a quarter of an hour. A network from which the "
        "user has logged in lately is concerned by that user's own failures there alone. Keys, tokens and OpenID logins are never held back.",
        "Wait as long as the answer says. `fieldgate user unlock NAME` forgets the failures of a name; the audit tells where they came from.",
    ),
    Code.LOGIN_BUSY: Explanation(
        "too many logins at once",
        "Verifying a password takes memory and time on purpose, so only a few are verified at the same moment.",
        "Try again after a second. A program should log in once and use its refresh token, or have an API key.",
    ),
    Code.REFRESH_REUSED: Explanation(
        "refresh token used twice",
        "A refresh token is good once, and two have used this one. Either a client keeps an old one, or somebody has stolen it; nobody can "
        "tell which of the two was meant to have it, so the session has ended for both. Told in the log and the audit only.",
        "Log in again. If the client is not known to have restored an old state, find out where its tokens are kept and who reads them.",
    ),
    Code.PASSWORD_UNFIT: Explanation(
        "password unfit",
        "It is too short, too long, hardly varies, or is little more than the user's name.",
        "Take one of 15 characters or more, such as several words; there are no other rules.",
    ),
    Code.USER_NAME_UNFIT: Explanation(
        "name unfit",
        "The name of a user or a key has something in it that can't be read, is empty, or has more than 128 characters.",
        "Take another, as people would type it.",
    ),
    Code.OIDC_REFUSED: Explanation(
        "OpenID login refused",
        "What came back from the OpenID provider does not belong to a login that this browser has begun, was used before, or carries an ID "
        "token that can't be believed: another issuer or audience, another nonce, expired, or not signed by a key of the provider's.",
        "Begin again at /api/v3/login/oidc. If it always fails, compare oidc.issuer and oidc.client_id with the provider's configuration, and "
        "the clocks; the log of the management process has the reason.",
    ),
    Code.OIDC_UNAVAILABLE: Explanation(
        "OpenID provider unavailable",
        "The OpenID provider can't be reached, its certificate is not trusted, or it does not answer as one.",
        "The log of the management process has the reason. oidc.ca names the authorities of a certificate of your own; passwords and API keys "
        "go on meanwhile.",
    ),
    Code.OIDC_NO_ROLE: Explanation(
        "OpenID login without a role",
        "It is certain who logs in, and no value of the claim that oidc.claim names is one of those in oidc.roles.",
        "Put the person into a group at the provider, or the group into oidc.roles. The provider may say the claim only for a scope that is "
        "missing in oidc.scopes.",
    ),
}
