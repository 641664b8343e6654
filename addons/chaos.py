"""
A bad day: messages are lost, doubled, swapped and spoilt, connections closed and cut.

Each option is the probability of one mishap for a message, from 0 to 1; at most one hits it. The same
seed and the same messages give the same mishaps, so what broke an app once can be done to it again.

    wsproxy dump -s chaos --set chaos_seed=7 --set chaos_drop=0.1 --set chaos_cut=0.01
"""

import random

from wsproxy import addon

MISHAPS = {
    "cut": (0.0, "TCP ends without a Close frame"),
    "close": (0.0, "both sides get a Close frame"),
    "drop": (0.02, "it is not sent"),
    "duplicate": (0.02, "it is sent twice"),
    "reorder": (0.02, "it is sent behind the next one, or after a second"),
    "corrupt": (0.0, "one character or byte is another"),
    "truncate": (0.0, "its end is missing"),
}
"""In the order they are tried, each with its usual probability."""


class Chaos:
    def load(self, options: addon.Options) -> None:
        self.options = options
        for name, (probability, text) in MISHAPS.items():
            options.add(f"chaos_{name}", probability, f"Probability for a message that {text}.")
        options.add("chaos_code", 1011, "The code of the Close frame.")
        options.add("chaos_filter", "~all", "Which messages.")
        options.add("chaos_seed", 0, "Another seed gives other mishaps.")

    def configure(self, changed: set[str]) -> None:
        self.wanted = addon.parse_filter(self.options.chaos_filter)
        self.chances = {name: getattr(self.options, f"chaos_{name}") for name in MISHAPS}
        for name, chance in self.chances.items():
            if not 0 <= chance <= 1:
                raise addon.OptionError(f"chaos_{name} is a probability, from 0 to 1, not {chance}")

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        self.send_late(connection, message.from_client)
        if not message.matches(self.wanted):
            return
        dice = self.dice(connection, message.from_client)
        for name, chance in self.chances.items():
            if dice.random() < chance:
                getattr(self, name)(connection, message, dice)
                return

    def dice(self, connection: addon.Connection, from_client: bool) -> random.Random:
        """One for each direction, for nobody knows how the two will interleave."""
        seed = f"{self.options.chaos_seed} {connection.id} {from_client}"
        kept: random.Random = connection.state.setdefault(("dice", seed), random.Random(seed))
        return kept

    def drop(self, connection: addon.Connection, message: addon.Message, dice: random.Random) -> None:
        message.drop()

    def duplicate(self, connection: addon.Connection, message: addon.Message, dice: random.Random) -> None:
        connection.send(message.content, to(message.from_client), message.type, force=True)

    def reorder(self, connection: addon.Connection, message: addon.Message, dice: random.Random) -> None:
        message.drop()
        way = message.from_client
        connection.state.setdefault(("late", way), []).append((message.content, message.type))
        connection.later(1, lambda: self.send_late(connection, way))

    def send_late(self, connection: addon.Connection, from_client: bool) -> None:
        # What is sent inside a hook goes behind the message the hook is about.
        for content, kind in connection.state.pop(("late", from_client), ()):
            connection.send(content, to(from_client), kind, force=True)

    def corrupt(self, connection: addon.Connection, message: addon.Message, dice: random.Random) -> None:
        if not message.content:
            return
        if message.type == "text":
            place = dice.randrange(len(message.text))
            other = dice.choice([letter for letter in "~#?0xZ" if letter != message.text[place]])
            message.text = message.text[:place] + other + message.text[place + 1 :]
        else:
            place = dice.randrange(len(message.content))
            other_byte = message.content[place] ^ dice.randint(1, 255)
            message.content = message.content[:place] + bytes([other_byte]) + message.content[place + 1 :]

    def truncate(self, connection: addon.Connection, message: addon.Message, dice: random.Random) -> None:
        if message.content:
            said = message.text if message.type == "text" else message.content
            message.replace(said[: dice.randrange(len(said))])

    def close(self, connection: addon.Connection, message: addon.Message, dice: random.Random) -> None:
        connection.close(self.options.chaos_code, "chaos", force=True)

    def cut(self, connection: addon.Connection, message: addon.Message, dice: random.Random) -> None:
        connection.cut()


def to(from_client: bool) -> addon.Side:
    return "server" if from_client else "client"


addons = [Chaos()]
