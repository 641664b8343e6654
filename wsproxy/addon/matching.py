"""Messages and frames as `wsproxy.filters` asks about them."""

from typing import TYPE_CHECKING

from wsproxy.addon.facts import Facts
from wsproxy.filters.subject import LiveMessage
from wsproxy.wire.transit import Transit

if TYPE_CHECKING:
    from wsproxy.filters.nodes import Filter


def matches(facts: Facts, transit: Transit, wanted: "Filter") -> bool:
    """Whether a filter is about this message, as it is now."""
    decode = (lambda: facts.meanings.of(transit)) if wanted.wants_decoded else None
    return wanted.match(LiveMessage.of(facts, transit, decode))
