"""The store of Fedora, Red Hat and their relatives (update-ca-trust(8))."""

from collections.abc import Sequence
from pathlib import Path

from wsproxy.certs.trust.anchors import AnchorStore


class FedoraStore(AnchorStore):
    """Args: as of every `AnchorStore`."""

    kind = "fedora"
    suffix = ".pem"
    system = "Fedora, Red Hat"

    def __init__(
        self,
        place: Path = Path("/etc/pki/ca-trust/source/anchors"),
        bundle: Path = Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
        update: Sequence[str] = ("update-ca-trust",),
    ) -> None:
        super().__init__(place, bundle, update)

    @classmethod
    def find(cls) -> "FedoraStore | None":
        return cls() if Path("/etc/pki/ca-trust/source").is_dir() else None
