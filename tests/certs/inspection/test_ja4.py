"""JA4 against FoxIO's own vectors for TLS over TCP.

Each row is a fingerprint in original order (JA4_ro) and the JA4 that FoxIO publishes beside it, from
github.com/FoxIO-LLC/ja4 at commit 0e54bc8, python/test/testdata/*.json; a ClientHello is written that lists just that, with
GREASE strewn in.
"""

import attrs
import pytest

from certs.inspection import parse_client_hello
from tests.certs.inspection.hellos import GREASE, Hello

CHROME = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
CHROME_ALGORITHMS = "0403,0804,0401,0503,0805,0501,0806,0601"
WINDOWS = "c02c,c02b,c030,c02f,c024,c023,c028,c027,c00a,c009,c014,c013,009d,009c,003d,003c,0035,002f,000a"
WINDOWS_ALGORITHMS = "0804,0805,0806,0401,0501,0201,0403,0503,0203,0202,0601,0603"
MAC = (
    "1301,1302,1303,c02c,c02b,c024,c023,c00a,c009,cca9,c030,c02f,c028,c027,c014,c013,cca8,009d,009c,003d,003c,0035,"
    "002f,c008,c012,000a"
)
LIBRESSL = (
    "c030,c02c,c028,c024,c014,c00a,009f,006b,0039,cca9,cca8,ccaa,ff85,00c4,0088,0081,009d,003d,0035,00c0,0084,c02f,"
    "c02b,c027,c023,c013,c009,009e,0067,0033,00be,0045,009c,003c,002f,00ba,0041,c011,c007,0005,0004,c012,c008,0016,"
    "000a,00ff"
)

PUBLISHED = {
    "t13d1715h2_5b57614c22b0_3d5424432f57": (
        "1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,009c,009d,002f,0035",
        "0000,0017,ff01,000a,000b,0023,0010,0005,0022,0033,002b,000d,002d,001c,0015",
        "0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201",
    ),
    "t13d1516h1_8daaf6152771_e5627efa2ab1": (
        CHROME, "000d,0033,0000,ff01,002b,0023,002d,0005,0012,000b,0017,4469,0010,001b,000a,0015", CHROME_ALGORITHMS,
    ),
    "t13d1516h2_8daaf6152771_e5627efa2ab1": (
        CHROME, "0000,0017,ff01,000a,000b,0023,0010,0005,000d,0012,0033,002d,002b,001b,4469,0015", CHROME_ALGORITHMS,
    ),
    "t13d1516h2_8daaf6152771_9b887d9acb53": (
        CHROME, "000d,0010,0000,000b,0023,4469,ff01,0033,000a,002d,002b,0005,0017,0012,001b,0029", CHROME_ALGORITHMS,
    ),
    "t13d1517h1_8daaf6152771_6cdcb247c39b": (
        CHROME, "0000,0017,0005,002b,0012,0023,000a,0033,0010,002d,001b,4469,000b,000d,ff01,0015,0029", CHROME_ALGORITHMS,
    ),
    "t13d151400_8daaf6152771_de4a06bb82e3": (
        CHROME, "0033,002b,001b,0000,0012,002d,000d,000a,0005,0023,0017,ff01,000b,0015", CHROME_ALGORITHMS,
    ),
    "t13d1615h2_46e7e9700bed_45f260be83e2": (
        CHROME + ",000a", "0000,0017,ff01,000a,000b,0023,0010,0005,000d,0012,0033,002d,002b,001b,0015",
        CHROME_ALGORITHMS + ",0201",
    ),
    "t13d2613h2_2802a3db6c62_845d286b0d67": (
        MAC,
        "ff01,0000,0017,000d,0005,0012,0010,000b,0033,002d,002b,000a,0015",
        "0403,0804,0401,0503,0203,0805,0805,0501,0806,0601,0201",
    ),
    "t12d4605h2_85626a9a5f7f_aaf95bb78ec9": (
        LIBRESSL,
        "0000,000b,000a,000d,0010",
        "0601,0603,efef,0501,0503,0401,0403,eeee,eded,0301,0303,0201,0203",
    ),
    "t12d190800_d83cc789557e_7af1ed941c26": (
        WINDOWS, "0000,0005,000a,000b,000d,0023,0017,ff01", WINDOWS_ALGORITHMS,
    ),
    "t12d1909h2_d83cc789557e_7af1ed941c26": (
        WINDOWS, "0000,0005,000a,000b,000d,0023,0010,0017,ff01", WINDOWS_ALGORITHMS,
    ),
    "t10d230100_6a57a6f57151_000000000000": (
        "0039,0038,0035,0016,0013,000a,0033,0032,002f,009a,0099,0096,0005,0004,0015,0012,0009,0014,0011,0008,0006,0003,00ff",
        "0000",
        "",
    ),
}  # fmt: skip


def listed(text: str) -> list[int]:
    return [int(each, 16) for each in text.split(",") if each]


def hello_for(ja4: str, ciphers: str, extensions: str, algorithms: str) -> Hello:
    version = {"13": 0x0304, "12": 0x0303, "10": 0x0301}[ja4[1:3]]
    return Hello(
        legacy_version=min(version, 0x0303),
        versions=[GREASE[0], 0x0303, version],
        ciphers=[GREASE[0], *listed(ciphers)],
        extensions=[GREASE[1], *listed(extensions), GREASE[2]],
        signature_algorithms=[GREASE[1], *listed(algorithms)],
        alpn={"h2": [b"h2", b"http/1.1"], "h1": [b"http/1.1"], "00": []}[ja4[8:10]],
    )


@pytest.mark.parametrize("ja4", PUBLISHED)
def test_published_fingerprints_come_out(ja4: str) -> None:
    assert parse_client_hello(hello_for(ja4, *PUBLISHED[ja4]).message()).ja4 == ja4


def test_the_raw_form_is_the_definitions_own_example() -> None:
    """technical_details/JA4.md, "Raw Output"."""
    ja4 = "t13d1516h2_8daaf6152771_e5627efa2ab1"
    assert parse_client_hello(hello_for(ja4, *PUBLISHED[ja4]).message()).ja4_raw == (
        "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_"
        "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_"
        "0403,0804,0401,0503,0805,0501,0806,0601"
    )


@pytest.mark.parametrize(
    ("protocol", "ends"),
    [
        (b"\xab", "ab"), (b"\x20", "20"), (b"\xab\xcd", "ad"), (b"\x20\x61", "21"), (b"\x30\xab", "3b"),
        (b"\x61\x20", "60"), (b"\x30\x31\xab\xcd", "3d"), (b"\x30\xab\xcd\x31", "01"), (b"", "00"), (b"x", "xx"),
        (b"fieldgate/1", "f1"),
    ],
)  # fmt: skip
def test_the_ends_of_the_first_protocol(protocol: bytes, ends: str) -> None:
    """The definition's examples. Its text is newer than one of the vectors, which has "99" for what is not ASCII."""
    assert parse_client_hello(Hello(alpn=[protocol]).message()).ja4[8:10] == ends


def test_empty_lists_are_twelve_zeros() -> None:
    nothing = Hello(ciphers=[], extensions=[])
    assert parse_client_hello(nothing.message()).ja4 == "t12i000000_000000000000_000000000000"


def test_what_is_counted_has_two_digits() -> None:
    many = Hello(ciphers=range(1, 201), extensions=[*range(100, 200), 43])
    assert parse_client_hello(many.message()).ja4[:8] == "t13i9999"


def test_an_address_and_another_protocol_leave_the_hashes_alone() -> None:
    """What differs between a name and an address, or between protocols, stands in the first part only."""
    named = Hello(extensions=[0, 13, 16, 43])
    bare = attrs.evolve(named, extensions=[13, 43])
    a, b = (parse_client_hello(each.message()).ja4 for each in (named, bare))
    assert (a[:10], b[:10]) == ("t13d0104f1", "t13i010200")
    assert a[10:] == b[10:]
