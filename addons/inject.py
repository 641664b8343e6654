"""
Send what nobody sent: on opening, after a message that matches, every few seconds.

    wsproxy dump -s inject --set inject='{"op":"subscribe"}' --set inject_on_open=true
    wsproxy dump -s inject --set inject='{"alert":1}' --set inject_to=client --set inject_every=5
"""

from wsproxy import addon


class Inject:
    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("inject", "", "The message.")
        options.add("inject_type", "text", "How it is given; hex is sent as binary.", ["text", "hex"])
        options.add("inject_to", "server", "Who gets it.", ["server", "client"])
        options.add("inject_on_open", False, "Send it when a connection opens.")
        options.add("inject_after", "", "A filter: send it after each message that matches.")
        options.add("inject_every", 0.0, "Send it every so many seconds; 0: not.")

    def configure(self, changed: set[str]) -> None:
        options = self.options
        self.content: str | bytes = options.inject
        if options.inject_type == "hex":
            try:
                self.content = bytes.fromhex(options.inject)
            except ValueError as error:
                raise addon.OptionError(f"inject is not hex: {error}") from None
        self.after = addon.parse_filter(options.inject_after) if options.inject_after else None
        if options.inject_every < 0:
            raise addon.OptionError("inject_every is 0 or more seconds")

    def send(self, connection: addon.Connection) -> None:
        connection.send(self.content, self.options.inject_to)

    def ws_open(self, connection: addon.Connection) -> None:
        # After a reload this comes again for connections that are open.
        if self.options.inject_on_open and not connection.state.get("greeted"):
            connection.state["greeted"] = True
            self.send(connection)
        if self.options.inject_every:
            connection.every(self.options.inject_every, lambda: self.send(connection))

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        if self.after and message.matches(self.after):
            self.send(connection)


addons = [Inject()]
