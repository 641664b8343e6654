"""
Keep secrets out of the capture: they are sent, and never reach the disk.

Rules are /REGEX/REPLACEMENT, for messages (over long-polling, too), Close reasons, URLs and heads; the first
character separates. Those given take the place of the one that is there. `redacts = True` makes the proxy
write nothing of a message before this addon has seen it.

    wsproxy dump -s redact --set redact='|"iban":"[^"]*"|"iban":"…"'
"""

import re

from wsproxy import addon


class Redact:
    redacts = True

    def load(self, options: addon.Options) -> None:
        self.options = options
        secret = r'/("(?:password|passwd|secret|token|access_token|refresh_token|api_key)"\s*:\s*)'
        options.add("redact", [secret + r'"(?:[^"\\]|\\.)*"/\1"…"'], "Rules, each /REGEX/REPLACEMENT.")
        options.add(
            "redact_headers",
            ["Authorization", "Cookie", "Proxy-Authorization", "Set-Cookie"],
            "Headers without their values.",
        )
        options.add(
            "redact_query",
            ["access_token", "api_key", "apikey", "key", "password", "secret", "sig", "token"],
            "Parameters of URLs without their values.",
        )

    def configure(self, changed: set[str]) -> None:
        self.rules: list[tuple[re.Pattern[str], str]] = []
        for rule in self.options.redact:
            regex, replacement = addon.split_rule(rule, "REGEX", "REPLACEMENT")
            self.rules.append((addon.parse_regex(regex, replacement), replacement))
        self.heads = list(self.rules)
        if names := "|".join(map(re.escape, self.options.redact_headers)):
            # A value goes on in lines that begin with white space.
            pattern = rf"(?im)^((?:{names})[ \t]*:)(?:[^\r\n]|\r?\n[ \t])*"
            self.heads.append((re.compile(pattern), r"\1 …"))
        if names := "|".join(map(re.escape, self.options.redact_query)):
            self.heads.append((re.compile(rf"(?i)([?&](?:{names})=)[^&\s#]*"), r"\1…"))

    def ws_handshake(self, connection: addon.Connection) -> None:
        for regex, replacement in self.heads:
            connection.redact(regex, replacement)

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        said = message.text
        if (kept := self.kept(said)) != said:
            message.record_as(kept)

    def ws_polling(self, packet: addon.Packet) -> None:
        said = packet.text
        if (kept := self.kept(said)) != said:
            packet.record_as(kept)

    def ws_frame(self, connection: addon.Connection, frame: addon.Frame) -> None:
        if frame.is_control:
            said = frame.payload.decode("utf-8", "surrogateescape")
            if (kept := self.kept(said)) != said:
                frame.record_as(kept)

    def kept(self, said: str) -> str:
        for regex, replacement in self.rules:
            said = regex.sub(replacement, said)
        return said


addons = [Redact()]
