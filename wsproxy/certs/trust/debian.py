"""
The store of Debian, Ubuntu and their relatives (update-ca-certificates(8)).

`update-ca-certificates` links each certificate into a folder, by its name and by OpenSSL's hash of its
subject, and writes all into one file. It does not notice that a certificate has gone: with `--fresh` it
makes all links anew, but tells its hooks only of what is there, so that Java would go on trusting the
one that went. Here the links are removed one by one, and Java's hook is told.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from wsproxy.certs.trust.anchors import AnchorStore
from wsproxy.certs.trust.command import Command
from wsproxy.certs.trust.store import Entry

_JAVA = "jks-keystore"
"""The hook of ca-certificates-java, which keeps a store of its own."""


class DebianStore(AnchorStore):
    """
    Args:
        place: where administrators put certificates.
        links: the folder of links, with the bundle.
        hooks: the folder of programs that are told of changes.
        update: as of every `AnchorStore`.
    """

    kind = "debian"
    suffix = ".crt"
    system = "Debian, Ubuntu"

    def __init__(
        self,
        place: Path = Path("/usr/local/share/ca-certificates"),
        links: Path = Path("/etc/ssl/certs"),
        hooks: Path = Path("/etc/ca-certificates/update.d"),
        update: Sequence[str] = ("update-ca-certificates",),
    ) -> None:
        super().__init__(place, links / "ca-certificates.crt", update)
        self._links = links
        self._hooks = hooks

    @classmethod
    def find(cls) -> "DebianStore | None":
        return cls() if Path("/etc/ca-certificates.conf").exists() else None

    def traces(self, entry: Entry) -> list[Path]:
        name = self._link(entry).name
        return [self._link(entry), *(link for link, target in self._all_links() if target == name)]

    def afterwards(self, entry: Entry) -> list[Command]:
        commands = []
        ours = self.traces(entry)
        hashes = {link.stem for link in ours[1:]}
        if any(link.stem in hashes and link not in ours for link, _ in self._all_links()):
            # Others with the same subject are numbered behind ours, and OpenSSL stops at the first gap.
            commands.append(Command(("openssl", "rehash", str(self._links)), as_root=True))
        hook = self._hooks / _JAVA
        if os.access(hook, os.X_OK):
            commands.append(Command((str(hook),), as_root=True, stdin=f"-{self._link(entry)}\n"))
        return commands

    def _link(self, entry: Entry) -> Path:
        return self._links / f"{entry.name}.pem"

    def _all_links(self) -> list[tuple[Path, str]]:
        """The links with where they lead."""
        try:
            with os.scandir(self._links) as found:
                return sorted((Path(e.path), os.readlink(e.path)) for e in found if e.is_symlink())
        except OSError:
            return []
