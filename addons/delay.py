"""
A slow line: latency, jitter and bandwidth, for each direction by itself.

A delayed message keeps what is behind it waiting, as on a real line: nothing overtakes. Pings and pongs
pass at once, so an app can be slow and yet alive.

    wsproxy dump -s delay --set delay=0.3 --set delay_jitter=0.2 --set delay_bandwidth=16000
"""

import random

from wsproxy import addon


class Delay:
    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("delay", 0.2, "Seconds every message is kept.")
        options.add("delay_jitter", 0.0, "Up to so many seconds more, at random.")
        options.add("delay_bandwidth", 0, "Bytes a second in each direction; 0: as many as come.")
        options.add("delay_filter", "~all", "Which messages.")
        options.add("delay_seed", 0, "Another seed gives another jitter.")

    def configure(self, changed: set[str]) -> None:
        options = self.options
        self.latency, self.jitter, self.bandwidth = (
            options.delay,
            options.delay_jitter,
            options.delay_bandwidth,
        )
        if not (0 <= self.latency < 3600 and 0 <= self.jitter < 3600 and self.bandwidth >= 0):
            raise addon.OptionError("delay, delay_jitter and delay_bandwidth are 0 or more, below an hour")
        self.wanted = addon.parse_filter(options.delay_filter)
        if "delay_seed" in changed:
            self.random = random.Random(options.delay_seed)

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        if not message.matches(self.wanted):
            return
        seconds = self.latency + self.random.uniform(0, self.jitter)
        if self.bandwidth:
            # The line is busy with what was sent before.
            free = max(message.time, connection.state.get(message.from_client, 0.0))
            free += len(message.content) / self.bandwidth
            connection.state[message.from_client] = free
            seconds += free - message.time
        message.delay(seconds)


addons = [Delay()]
