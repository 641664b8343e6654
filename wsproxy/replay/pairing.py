"""Which connections of two captures belong together."""

from urllib.parse import urlsplit

from wsproxy.store.reader import Reader


def matched(left: Reader, right: Reader) -> list[tuple[int | None, int | None]]:
    """
    Which connections belong together: those with the same path and query, in their order; of the rest
    those with the same path. Hosts may differ, and a query often has an id of its session. Where `right` is
    a replay of `left`, it knows itself.

    Returns:
        Connection numbers of both, None where there is no counterpart; those only in `right` are last.
    """
    there = _targets(right)
    created = left.info().created
    rows = right.db.execute(
        "SELECT original, min(connection) FROM replay_of WHERE created = ? GROUP BY 1", (created,)
    )
    found: dict[int, int] = dict(rows.fetchall())
    for with_query in (True, False):
        waiting: dict[str, list[int]] = {}
        taken = set(found.values())
        for number, target in reversed(there):
            if number not in taken:
                waiting.setdefault(_cut(target, with_query), []).append(number)
        for number, target in _targets(left):
            if number not in found and (same := waiting.get(_cut(target, with_query))):
                found[number] = same.pop()
    pairs: list[tuple[int | None, int | None]] = [(number, found.get(number)) for number, _ in _targets(left)]
    taken = set(found.values())
    return pairs + [(None, number) for number, _ in there if number not in taken]


def _targets(reader: Reader) -> list[tuple[int, str]]:
    rows = reader.db.execute("SELECT id, url FROM connection ORDER BY id")
    return [(number, _target(url)) for number, url in rows]


def _target(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _cut(target: str, with_query: bool) -> str:
    return target if with_query else target.partition("?")[0]
