"""
What the numbers and flags of a capture mean, in the words that people read.

For every viewer, in the terminal's lines and on its screens. Nothing here needs escaping any more.
"""

import time

from wsproxy.decoders.text import printable
from wsproxy.store.records import ClosureRecord, ConnectionRecord, DecisionRecord
from wsproxy.wire.frames import Anomaly
from wsproxy.wire.handshake import Head

SENT = "→"
"""Client to server."""
RECEIVED = "←"

ANOMALIES: dict[Anomaly, str] = {
    Anomaly.UNKNOWN_OPCODE: "reserved opcode (RFC 6455 5.2)",
    Anomaly.RSV_WITHOUT_EXTENSION: "reserved bit set without an extension (RFC 6455 5.2)",
    Anomaly.FRAGMENTED_CONTROL: "fragmented control frame (RFC 6455 5.5)",
    Anomaly.OVERSIZED_CONTROL: "control frame over 125 bytes (RFC 6455 5.5)",
    Anomaly.CONTINUATION_WITHOUT_START: "continuation of no message (RFC 6455 5.4)",
    Anomaly.INTERRUPTED_MESSAGE: "new message before the last one ended (RFC 6455 5.4)",
    Anomaly.LENGTH_NOT_MINIMAL: "length in more bytes than needed (RFC 6455 5.2)",
    Anomaly.LENGTH_TOO_LARGE: "length with its top bit set (RFC 6455 5.2)",
    Anomaly.MASKED_BY_SERVER: "masked frame from the server (RFC 6455 5.1)",
    Anomaly.UNMASKED_BY_CLIENT: "unmasked frame from the client (RFC 6455 5.1)",
    Anomaly.INVALID_UTF8: "text is not valid UTF-8 (RFC 6455 8.1)",
    Anomaly.INVALID_CLOSE_CODE: "close code that must not be sent (RFC 6455 7.4)",
    Anomaly.CLOSE_TOO_SHORT: "close payload of one byte (RFC 6455 5.5.1)",
    Anomaly.DATA_AFTER_CLOSE: "frame after this side's close (RFC 6455 5.5.1)",
    Anomaly.INFLATE_FAILED: "compressed data cannot be inflated (RFC 7692 7.2.2)",
    Anomaly.INCOMPLETE: "the connection ended inside this frame",
}

_CODES = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1004: "reserved",
    1005: "no status code",
    1006: "no close frame",
    1007: "invalid payload",
    1008: "policy violation",
    1009: "message too big",
    1010: "missing extension",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    1015: "TLS failure",
    3000: "unauthorized",
    3003: "forbidden",
    3008: "timeout",
}


def anomaly_sentences(anomalies: Anomaly) -> list[str]:
    """What is wrong, one short sentence per flag, in the order of the flags."""
    return [ANOMALIES[flag] for flag in ANOMALIES if flag in anomalies]


def close_code(code: int | None) -> str:
    """A close code and its meaning (RFC 6455 section 7.4, IANA registry), e.g. `1001 going away`."""
    if code is None:
        return "no status code"
    if code in _CODES:
        return f"{code} {_CODES[code]}"
    if 3000 <= code <= 3999:
        return f"{code} (registered)"
    if 4000 <= code <= 4999:
        return f"{code} (application)"
    return f"{code} (reserved)" if 1000 <= code < 3000 else f"{code} (invalid)"


def count(number: int, noun: str) -> str:
    """`1 frame`, `1,234 frames`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(ns: int) -> str:
    """A length of time given in ns, short: `120 ms`, `5.0 s`, `3 min 20 s`, `2 h 05 min`."""
    if ns < 1_000_000_000:
        return f"{max(ns, 0) // 1_000_000} ms"
    seconds = ns / 1e9
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def unrecorded(since: int) -> str:
    """What to say of a capture in which frames are not recorded, since that time (ns)."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since // 1_000_000_000))
    return f"NOT RECORDED since {when}: recording of frames was switched off"


def file_size(size: int) -> str:
    """Bytes in the unit a person would choose: `512 B`, `1.5 KiB`, `34.0 MiB`."""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1000 or unit == "GiB":
            break
    return f"{amount:.1f} {unit}"


def connection_details(record: ConnectionRecord) -> list[str]:
    """What was agreed besides the URL, harmless to show: subprotocol, extensions, TLS version."""
    words: list[str] = []
    if record.subprotocol:
        words.append(printable(record.subprotocol))
    if record.extensions:
        words.append(printable(record.extensions))
    # The client's side may be plain and the server's not, or the other way round.
    for side in ("server", "client"):
        details = record.tls.get(side)
        if isinstance(details, dict) and details.get("version"):
            words.append(printable(str(details["version"])))
            break
    return words


def status_line(record: ConnectionRecord) -> str:
    """The status and reason phrase of a response, harmless to show."""
    _, _, phrase = Head.parse(record.response).start.partition(" ")
    return printable(phrase.strip(), 60) if phrase.startswith(str(record.status)) else str(record.status)


def closure_words(record: ClosureRecord) -> tuple[str, str, str]:
    """Who closed, with what code and reason, and how clean that was; harmless to show."""
    by = f"closed by {record.by}" if record.by else "closed"
    if record.by == "proxy" and record.how == "stopped":
        by = "cut off when the proxy stopped"
    why = close_code(record.code)
    if record.reason:
        why += f' "{printable(record.reason)}"'
    return by, why, f"{'clean' if record.clean else 'not clean'} ({record.how})"


def decision_words(record: DecisionRecord) -> str:
    """What was done to a message, to which, and by whom; harmless to show."""
    first, last = record.first_frame, record.last_frame
    which = "" if last is None else f" {last}" if first in (None, last) else f" {first}-{last}"
    by = f" by {printable(record.by)}" if record.by else ""
    held = f", after {duration(record.held)}" if record.held else ""
    match record.action:
        case "pass":
            return f"frame{which} let go{by}{held}"
        case "drop":
            return f"frame{which} dropped{by}{held}"
        case "edit":
            return f"in place of{which},{by}{held}"
        case "recode":
            return f"compressed anew{which}{held}"
        case "inject":
            return f"injected{by}"
    return f"{record.action}{by}"


def moment(ns: int) -> str:
    """A time given in ns since the epoch, local and exact: `2024-03-05 12:00:00.010000000`."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{rest:09}"


def span(ns: int) -> str:
    """A length of time given in ns, as exact as a person can use: `850 µs`, `12.3 ms`, then as `duration`."""
    if ns < 0:
        return f"-{span(-ns)}"
    if ns < 1_000_000:
        return f"{ns / 1000:.0f} µs"
    if ns < 100_000_000:
        return f"{ns / 1e6:.1f} ms"
    return duration(ns)
