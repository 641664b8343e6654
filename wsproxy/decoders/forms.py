"""Form data in text messages."""

import re
from urllib.parse import parse_qsl, quote, quote_plus

from wsproxy.decoders.api import Decoded, Decoder, Message, Tree, Unfit

_FORM = re.compile(r"[\w.\-%+\[\]]+=[^\s=&{}<>\"]*(?:&[\w.\-%+\[\]]+=[^\s=&{}<>\"]*)*", re.ASCII)
_FIELDS = 1000


class Form(Decoder):
    """
    Form data, `name=value&name=value` (application/x-www-form-urlencoded).

    Recognised only if there are two fields or more, since `a=b` alone may be anything.
    """

    name = "form"
    matches = "`name=value&name=value`"
    editable = True

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is none."""
        text = message.text
        if text is None or "&" not in text or not _FORM.fullmatch(text):
            raise Unfit("no form data")
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS)
        return Decoded(self.name, text, verbatim=True, make_tree=lambda: [list(field) for field in fields])

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """Fields that were not edited stay as they were written."""
        originals = (message.text or "").split("&")
        if not isinstance(tree, list) or not all(
            isinstance(field, list) and len(field) == 2 and all(isinstance(part, str) for part in field)
            for field in tree
        ):
            raise Unfit("form data is a list of names and values")
        escape = quote_plus if "+" in (message.text or "") else quote
        written: list[str] = []
        for n, (name, value) in enumerate(tree):
            if n < len(originals) and parse_qsl(originals[n], keep_blank_values=True) == [(name, value)]:
                written.append(originals[n])
            else:
                written.append(f"{escape(name, safe='')}={escape(value, safe='')}")
        return "&".join(written).encode()
