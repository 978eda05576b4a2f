"""The kinds that many fields share, under the name of what they hold."""

from typing import Annotated

from protocol.kinds import INT64_MAX, TIME_MAX_MS, Blob, Integer, Text

Uid = Annotated[str, Text(64)]
KeyUid = Annotated[str, Text(64, at_least=1)]
Name = Annotated[str, Text(255)]
Message = Annotated[str, Text(1024)]
Time = Annotated[int, Integer(0, TIME_MAX_MS)]
Count = Annotated[int, Integer(0, INT64_MAX)]
Epoch = Annotated[int, Integer(1, INT64_MAX)]
Position = Annotated[int, Integer(1, INT64_MAX)]
BatchId = Annotated[bytes, Blob(16, 16)]
Number = Annotated[int, Integer()]
Nonce = Annotated[bytes, Blob(16, 16)]
Pin = Annotated[bytes, Blob(32, 32)]
Digest = Annotated[bytes, Blob(32, 32)]
FgCode = Annotated[int, Integer(0, 9999)]
Version = Annotated[str, Text(128)]
Percent = Annotated[int, Integer(0, 100)]
