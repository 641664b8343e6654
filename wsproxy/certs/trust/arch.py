"""The store of Arch Linux and its relatives (update-ca-trust(8), of ca-certificates-utils)."""

from collections.abc import Sequence
from pathlib import Path

from wsproxy.certs.trust.anchors import AnchorStore


class ArchStore(AnchorStore):
    """Args: as of every `AnchorStore`."""

    kind = "arch"
    suffix = ".crt"
    system = "Arch"

    def __init__(
        self,
        place: Path = Path("/etc/ca-certificates/trust-source/anchors"),
        bundle: Path = Path("/etc/ca-certificates/extracted/tls-ca-bundle.pem"),
        update: Sequence[str] = ("update-ca-trust",),
    ) -> None:
        super().__init__(place, bundle, update)

    @classmethod
    def find(cls) -> "ArchStore | None":
        return cls() if Path("/etc/ca-certificates/trust-source").is_dir() else None
