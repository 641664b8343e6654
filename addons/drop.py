"""
Drop messages and control frames: they arrive, and are not sent on.

By default that is every heartbeat of the protocol. Messages are dropped in `ws_message`; pings, pongs
and Close frames come to `ws_frame` only.

    wsproxy dump -s drop --set drop='~down & ~json type = "typing"' --set drop='~ping | ~pong'
"""

from wsproxy import addon


class Drop:
    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("drop", ["~ping | ~pong"], "Filters; what matches one of them is dropped.")

    def configure(self, changed: set[str]) -> None:
        self.unwanted = [addon.parse_filter(text) for text in self.options.drop if text]

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        if any(message.matches(each) for each in self.unwanted):
            message.drop()

    def ws_frame(self, connection: addon.Connection, frame: addon.Frame) -> None:
        if frame.is_control and any(frame.matches(each) for each in self.unwanted):
            frame.drop()


addons = [Drop()]
