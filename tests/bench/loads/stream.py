"""
Streams: messages in one direction, as fast as the proxy takes them.

The sender writes some hundred messages at a time, so a proxy may find many in one read, as it does
with any busy socket.
"""

from tests.bench.loads.base import Done, Load, Mark, Settings, Work, timed, warm_up
from tests.bench.peers.frames import Block, large, plain
from tests.bench.peers.links import Door, connect

MOST = 1_000_000


class Upload(Work):
    """From the client: 64-byte messages."""

    path = "/load"
    deflate = False
    first = 1000
    most = MOST

    def __init__(self, door: Door, settings: Settings, mark: Mark) -> None:
        super().__init__(door, settings, mark)
        self._block = self.block(False)

    def block(self, deflated: bool) -> Block:
        return plain(64, True, 128)

    async def prepare(self) -> None:
        self.link = await connect(self.door, self.path, self.deflate)
        # A proxy may refuse compression; then what is sent is not.
        self._block = self.block(self.link.deflate)
        self._count = await warm_up(self.transfer, self.settings.seconds, self.first, self.most)

    async def transfer(self, count: int) -> None:
        await self.link.upload(self._block, count)

    async def run(self) -> Done:
        seconds = await timed(self.transfer, self._count)
        return {"messages": self._count, "seconds": seconds, "deflated": float(self.link.deflate)}


class Download(Upload):
    """From the server: 128 bytes of JSON."""

    async def transfer(self, count: int) -> None:
        await self.link.download(count)


class DownloadDeflate(Download):
    """The same, compressed with context takeover."""

    path = "/load/deflate"
    deflate = True


class UploadLarge(Upload):
    """From the client: binary messages of 1 MiB."""

    first = 2
    # A recording proxy writes all of it to disk.
    most = 300

    def block(self, deflated: bool) -> Block:
        return large(True, deflated)


class UploadLargeDeflate(UploadLarge):
    """The same, compressed."""

    path = "/load/deflate"
    deflate = True


class StreamLoad(Load):
    name = "stream"
    title = "Stream of 64-byte messages from the client"
    work = Upload
    recording_matters = True


class PushLoad(Load):
    name = "push"
    title = "Server push of 128-byte JSON messages"
    work = Download
    recording_matters = True


class PushDeflateLoad(Load):
    name = "push-deflate"
    title = "Server push of 128-byte JSON messages, compressed (context takeover)"
    work = DownloadDeflate


class RewriteLoad(PushLoad):
    name = "rewrite"
    title = "Server push of 128-byte JSON messages, each changed by a script"
    only = ("wsproxy-addon", "wsproxy-script", "mitmdump-script")
    recording_matters = False


class RewriteDeflateLoad(RewriteLoad):
    name = "rewrite-deflate"
    title = "Server push of 128-byte JSON messages, compressed, each changed by a script"
    work = DownloadDeflate


class BinaryLoad(Load):
    name = "binary"
    title = "1 MiB binary messages from the client (a message is 1 MiB)"
    work = UploadLarge
    payload_matters = True


class BinaryDeflateLoad(BinaryLoad):
    name = "binary-deflate"
    title = "1 MiB binary messages from the client, compressed (a message is 1 MiB inflated)"
    work = UploadLargeDeflate
