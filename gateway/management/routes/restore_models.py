"""What is said about restores over REST."""

from typing import Annotated, Literal

import msgspec

from protocol import commands

__all__ = ["More", "NewRestore", "RestoreItem", "RestoreItems", "RestorePoint", "RestorePoints"]


class RestorePoint(msgspec.Struct, rename="camel"):
    """A restore point."""

    uid: Annotated[str, msgspec.Meta(description="Unique within its workload.", examples=["9f86d081"])]
    time: Annotated[
        str,
        msgspec.Meta(description="As of when it has the workload.", examples=["2026-11-24T02:00:00.000Z"]),
    ]
    size_bytes: Annotated[
        int, msgspec.Meta(description="Of what was backed up; 0: not known.", examples=[48213])
    ]
    name: Annotated[str, msgspec.Meta(description="For people.", examples=["fileserver: /home"])]


class RestoreItem(msgspec.Struct, rename="camel"):
    """Something in a restore point."""

    path: Annotated[str, msgspec.Meta(description="Where it is.", examples=["/home/ada/report.odt"])]
    type: Annotated[str, msgspec.Meta(description="file, folder, link or other.", examples=["file"])]
    size_bytes: Annotated[int, msgspec.Meta(description="Of a file.", examples=[48213])]
    modified: Annotated[
        str | None,
        msgspec.Meta(description="When it was changed last.", examples=["2026-11-20T09:12:00.000Z"]),
    ]


class More(msgspec.Struct):
    """About the answer."""

    next: Annotated[
        str,
        msgspec.Meta(
            description="`after` of the next page; empty where this is the last one.", examples=[""]
        ),
    ]


class RestorePoints(msgspec.Struct):
    """A page of them, the newest first."""

    meta: More
    data: list[RestorePoint]


class RestoreItems(msgspec.Struct):
    """A page of them."""

    meta: More
    data: list[RestoreItem]


class NewRestore(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What is wanted back, and where."""

    mode: Annotated[
        Literal["Download", "InPlace", "KeepBoth"],
        msgspec.Meta(
            description="Download: one item, by way of the gateway. InPlace, KeepBoth: onto the agent's server.",
            examples=["Download"],
        ),
    ]
    paths: Annotated[
        list[str],
        msgspec.Meta(
            description="The files and folders, as they were listed. Empty: everything, which is for the provider's operators.",
            examples=[["/home/ada/report.odt"]], max_length=100,
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    target_folder: Annotated[
        str,
        msgspec.Meta(
            description="With InPlace and KeepBoth: the folder of the agent's server to restore into; empty: where it came from.",
            examples=[""], max_length=4096,
        ),
    ] = ""  # fmt: skip
    max_bytes: Annotated[
        int,
        msgspec.Meta(description="With Download: how large it may be.", examples=[1 << 30], ge=1, le=1 << 40),
    ] = commands.ITEM_BYTES
