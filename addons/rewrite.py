"""
Replace what a regular expression finds in messages.

A rule is /FILTER/REGEX/REPLACEMENT, as for mitmproxy's `modify_body`; the first character separates,
and the filter may be left out. `\\1` in the replacement is what the first group found.

    wsproxy dump -s rewrite --set rewrite='|~down|"price":\\d+|"price":0'
"""

from wsproxy import addon


class Rewrite:
    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("rewrite", [], "Rules, each /FILTER/REGEX/REPLACEMENT with any separator.")

    def configure(self, changed: set[str]) -> None:
        self.rules = []
        for rule in self.options.rewrite:
            wanted, regex, replacement = addon.split_rule(rule, "FILTER", "REGEX", "REPLACEMENT")
            self.rules.append(
                (addon.parse_filter(wanted), addon.parse_regex(regex, replacement), replacement)
            )

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        for wanted, regex, replacement in self.rules:
            if message.matches(wanted):
                # Bytes that are no UTF-8 come through `text` unchanged, so this is for binary ones too.
                message.text = regex.sub(replacement, message.text)


addons = [Rewrite()]
