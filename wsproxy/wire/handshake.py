"""
The opening handshake (RFC 6455 section 4): what was agreed, and what is wrong with it.

Works on the heads as they were on the wire. Nothing is refused: a server that accepts a bad key
or picks a subprotocol nobody offered is exactly what a person with a failing WebSocket looks for,
so it becomes a finding, in words.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from wsproxy.wire.deflate import DeflateParameters, parse_extensions

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_for(key: str) -> str:
    """The `Sec-WebSocket-Accept` that belongs to a `Sec-WebSocket-Key` (section 4.2.2)."""
    digest = hashlib.sha1(key.encode("latin-1") + GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class Head:
    """The start line and headers of one HTTP/1 message."""

    start: str
    fields: tuple[tuple[str, str], ...]
    """Names as written, values stripped; undecodable bytes as surrogates."""

    @classmethod
    def parse(cls, raw: bytes) -> "Head":
        """Read a head, complete or not; what is no header line is left out. Never raises."""
        lines = raw.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")
        fields: list[tuple[str, str]] = []
        for line in lines[1:]:
            if line[:1] in (" ", "\t") and fields:
                name, value = fields[-1]
                fields[-1] = (name, f"{value} {line.strip()}".strip())
            elif ":" in line:
                name, _, value = line.partition(":")
                fields.append((name.strip(), value.strip()))
        return cls(lines[0], tuple(fields))

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        wanted = name.lower()
        return [value for field, value in self.fields if field.lower() == wanted]

    def get(self, name: str) -> str:
        """All values of a header joined by commas (RFC 9110 section 5.3); empty without one."""
        return ", ".join(self.all(name))

    def tokens(self, name: str) -> list[str]:
        """The comma-separated elements of a header, in lower case."""
        return [token.strip().lower() for token in self.get(name).split(",") if token.strip()]

    @property
    def status(self) -> int | None:
        """The status code of a response's start line, three digits; None if there is none."""
        words = self.start.split(" ")
        if len(words) < 2 or len(words[1]) != 3 or not words[1].isascii() or not words[1].isdigit():
            return None
        return int(words[1])


@dataclass(frozen=True, slots=True)
class Handshake:
    """What client and server agreed on."""

    subprotocol: str | None
    extensions: str
    deflate: DeflateParameters | None
    other_extensions: bool
    """An extension besides permessage-deflate was accepted."""
    findings: tuple[str, ...]
    """What is wrong, one sentence each, without a final full stop."""

    @classmethod
    def of(cls, request: bytes, response: bytes) -> "Handshake":
        """
        Judge a pair of heads; never raises.

        Args:
            request: the client's head.
            response: the server's head; empty if there was none.
        """
        asked, answered = Head.parse(request), Head.parse(response)
        extensions = answered.get("Sec-WebSocket-Extensions")
        chosen = answered.all("Sec-WebSocket-Protocol")
        accepted = [name for name, _ in parse_extensions(extensions)]
        findings = _request_findings(asked)
        if answered.status == 101:
            findings += _response_findings(asked, answered)
        return cls(
            chosen[0] if chosen else None,
            extensions,
            DeflateParameters.negotiated(extensions),
            any(name != "permessage-deflate" for name in accepted),
            tuple(findings),
        )


def _request_findings(asked: Head) -> list[str]:
    found: list[str] = []
    words = asked.start.split(" ")
    if words[0] != "GET":
        found.append(f"the request method is {words[0]!r}, not GET (RFC 6455 section 4.1)")
    if words[-1] == "HTTP/1.0":
        found.append("the request is HTTP/1.0, an upgrade needs HTTP/1.1 (RFC 6455 section 4.1)")
    if "websocket" not in asked.tokens("Upgrade"):
        found.append("the request has no 'Upgrade: websocket' (RFC 6455 section 4.1)")
    if "upgrade" not in asked.tokens("Connection"):
        found.append("the request has no 'Connection: Upgrade' (RFC 6455 section 4.1)")
    version = asked.get("Sec-WebSocket-Version")
    if version != "13":
        said = f"is {version!r}" if version else "is missing"
        found.append(f"Sec-WebSocket-Version {said}, it must be 13 (RFC 6455 section 4.1)")
    keys = asked.all("Sec-WebSocket-Key")
    if len(keys) != 1:
        found.append(f"the request has {len(keys)} Sec-WebSocket-Key headers, not one (RFC 6455 section 4.1)")
    elif not _is_key(keys[0]):
        found.append("Sec-WebSocket-Key is not 16 bytes in base64 (RFC 6455 section 4.1)")
    return found


def _response_findings(asked: Head, answered: Head) -> list[str]:
    found: list[str] = []
    if "websocket" not in answered.tokens("Upgrade"):
        found.append("the response has no 'Upgrade: websocket' (RFC 6455 section 4.2.2)")
    if "upgrade" not in answered.tokens("Connection"):
        found.append("the response has no 'Connection: Upgrade' (RFC 6455 section 4.2.2)")
    accept = answered.get("Sec-WebSocket-Accept")
    key = asked.get("Sec-WebSocket-Key")
    if not accept:
        found.append("the response has no Sec-WebSocket-Accept (RFC 6455 section 4.2.2)")
    elif accept != accept_for(key.encode("utf-8", "surrogateescape").decode("latin-1")):
        found.append("Sec-WebSocket-Accept does not belong to the client's key (RFC 6455 section 4.2.2)")

    chosen = answered.all("Sec-WebSocket-Protocol")
    offered = [token.strip() for token in asked.get("Sec-WebSocket-Protocol").split(",") if token.strip()]
    if len(chosen) > 1:
        found.append("the server chose more than one subprotocol (RFC 6455 section 4.2.2)")
    elif chosen and chosen[0] not in offered:
        found.append(
            f"the server chose the subprotocol {chosen[0]!r}, which was not offered (RFC 6455 section 4.1)"
        )

    offers = parse_extensions(asked.get("Sec-WebSocket-Extensions"))
    seen: set[str] = set()
    for name, parameters in parse_extensions(answered.get("Sec-WebSocket-Extensions")):
        if name in seen:
            found.append(f"the server accepted {name!r} twice (RFC 6455 section 9.1)")
        seen.add(name)
        if name not in [offer for offer, _ in offers]:
            found.append(f"the server accepted {name!r}, which was not offered (RFC 6455 section 9.1)")
        elif name == "permessage-deflate":
            found += _deflate_findings(
                [offer for offer_name, offer in offers if offer_name == name], parameters
            )
    return found


def _deflate_findings(offers: list[dict[str, str | None]], parameters: dict[str, str | None]) -> list[str]:
    found: list[str] = []
    for name, value in parameters.items():
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            if value is not None:
                found.append(f"{name} has a value (RFC 7692 section 7.1.1)")
        elif name in ("server_max_window_bits", "client_max_window_bits"):
            if value not in ("8", "9", "10", "11", "12", "13", "14", "15"):
                found.append(f"{name} is {value!r}, it must be 8 to 15 (RFC 7692 section 7.1.2)")
            elif name == "client_max_window_bits" and not any(name in offer for offer in offers):
                found.append(
                    "the server set client_max_window_bits, which was not offered (RFC 7692 section 7.1.2.2)"
                )
        else:
            found.append(f"permessage-deflate has no parameter {name!r} (RFC 7692 section 7.1)")
    return found


def _is_key(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
