"""
Say what passes, one line for each message.

The smallest addon there is: `ws_message` is called for every message, and may look at it.

    wsproxy dump -s log_messages --set log_messages_filter='~d example.com & ~json type'
"""

from wsproxy import addon


class LogMessages:
    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("log_messages_filter", "~all", "Which messages.")
        options.add("log_messages_length", 120, "Characters of each that are shown.")

    def configure(self, changed: set[str]) -> None:
        self.wanted = addon.parse_filter(self.options.log_messages_filter)
        self.length = self.options.log_messages_length

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        if message.matches(self.wanted):
            arrow = "→" if message.from_client else "←"
            said = message.text if message.type == "text" else message.content.hex(" ")
            connection.tell(f"{arrow} {message.type} {said[: self.length]}")


addons = [LogMessages()]
