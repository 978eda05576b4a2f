"""60xx: what the REST interface refuses, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

REST: Final[dict[Code, Explanation]] = {
    Code.REST_BODY_INVALID: Explanation(
        "the body of a request can't be read",
        "It is not JSON, or not of the form that this path takes: a field is missing, unknown, of another kind or out of its bounds. "
        "Nothing was done.",
        "The message names the field. The form of every body is in the description at /schema of the same address.",
    ),
    Code.REST_PARAMETER_INVALID: Explanation(
        "a parameter of a request can't be used",
        "A parameter of the path or the query is of another kind or out of its bounds. Nothing was done.",
        "The message names the parameter. What each may be is in the description at /schema of the same address.",
    ),
    Code.REST_NO_SUCH_PATH: Explanation(
        "there is nothing at that path",
        "The address is none of this interface's.",
        "Look for a typing error, and for the version: every path begins with /api/v3. The list is at /schema of the same address.",
    ),
    Code.REST_METHOD_NOT_ALLOWED: Explanation(
        "the path does not know that method",
        "The path exists, and takes other methods.",
        "The header Allow of the answer lists them.",
    ),
    Code.REST_BODY_TOO_LARGE: Explanation(
        "a request is too large",
        "The body has more bytes, or the request more headers, than any of this interface needs. It was not read to its end.",
        "Send less at a time.",
    ),
    Code.REST_TOO_SLOW: Explanation(
        "a request did not come in time",
        "The body stopped coming, or came so slowly that the connection was worth more to others.",
        "Send it again. If it happens again, look at the path between the two: a proxy that holds bodies back, a link that loses packets.",
    ),
    Code.REST_TOO_MANY_REQUESTS: Explanation(
        "too many requests",
        "This key or person asks for more than `management.requests_per_s` allows. The request was not looked at.",
        "Wait for as long as `retryAfter` says, in seconds. Whoever asks to hear of changes does better with events or a webhook "
        "than by asking again and again.",
    ),
    Code.REST_VERSION_UNSUPPORTED: Explanation(
        "the client speaks a version that is not supported any more",
        "The header `x-client-version` names a version of the interface that this gateway does not speak. Nothing was done.",
        "Upgrade the client, or send the version that it was written for; the message has the range.",
    ),
    Code.REST_FAILED: Explanation(
        "the gateway failed at a request",
        "That is an error of Fieldgate's. The transaction, if there was one, was rolled back. The log of the management process has the details "
        "under the id that the answer gives.",
        "Try again; if it fails again, send the id and a support bundle (`fieldgate support-bundle`) to whoever looks after Fieldgate.",
    ),
    Code.PROCESS_SILENT: Explanation(
        "a process did nothing any more and was replaced",
        "The management process was stopped, or stuck, for longer than the supervisor waits. It was killed, its transactions were rolled back, and "
        "it was started again. No agent's session and no acknowledgement depends on it.",
        "Nothing to do for once. If it comes again, look at its log from right before, at the machine's memory, and at whoever can send it signals.",
    ),
    Code.PATCH_REFUSED: Explanation(
        "a change by JSON Patch can't be applied",
        "An operation is none, tests for something that is not so, or touches a property that can't be changed. Nothing was changed.",
        "The message says which, and what can be changed.",
    ),
    Code.REST_CROWDED: Explanation(
        "too many connections to the REST interface",
        "More are open than `management.connections`. The request was not looked at. Still more are closed before TLS, and so are those of one "
        "address that has `management.connections_per_address`.",
        "Wait for as long as `retryAfter` says, in seconds. If it stays so, look at who is connected (`ss -tn sport = :1280`): a program that opens "
        "a connection for each request, or a stream of events for each page. Then raise the setting, or that program's manners.",
    ),
}
