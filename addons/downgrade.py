"""
Agree on less: no compression, or one subprotocol of those the client offers.

What client and server agree on is decided by the upgrade request; `ws_handshake` may change it before it
goes out.

    wsproxy dump -s downgrade --set downgrade_subprotocol=graphql-ws
"""

from wsproxy import addon


class Downgrade:
    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("downgrade_deflate", True, "Do not offer permessage-deflate to the server.")
        options.add("downgrade_subprotocol", "", "The only subprotocol to offer, if the client does.")

    def ws_handshake(self, connection: addon.Connection) -> None:
        request = connection.request
        if self.options.downgrade_deflate and "permessage-deflate" in request.extensions:
            offers = [offer.strip() for offer in request.extensions.split(",")]
            request.extensions = ", ".join(o for o in offers if not o.startswith("permessage-deflate"))
        if self.options.downgrade_subprotocol in request.subprotocols:
            request.subprotocols = [self.options.downgrade_subprotocol]


addons = [Downgrade()]
