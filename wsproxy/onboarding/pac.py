"""
Proxy auto-configuration: a function in JavaScript that tells a browser which proxy to use for a URL.

The language of the file and the meaning of `PROXY host:port` are those of Netscape's "Navigator Proxy
Auto-Config File Format"; browsers and systems give it a `url` without path and query where that is https.
"""

import json
import re
from collections.abc import Sequence

MEDIA_TYPE = "application/x-ns-proxy-autoconfig"

_ONLY_IN_PYTHON = re.compile(r"\(\?(?![:=!])|\\[AZz]|[*+?}]\+|\{,")
"""Parts of a regular expression that not every JavaScript has, or that mean something else there."""

_EVERYTHING = """\
function FindProxyForURL(url, host) {
  return %(proxy)s;
}
"""

_SOME = """\
var only = [
%(only)s
];
var ports = { http: 80, ws: 80, https: 443, wss: 443 };
function FindProxyForURL(url, host) {
  if (host === %(site)s) return %(proxy)s;
  var found = /^([a-z]+):\\/\\/(?:\\[[^\\]]*\\]|[^:\\/?#]*)(?::(\\d+))?/i.exec(url);
  var place = host + ":" + (found ? found[2] || ports[found[1].toLowerCase()] : "");
  for (var i = 0; i < only.length; i++) {
    try {
      if (new RegExp(only[i], "i").test(place)) return %(proxy)s;
    } catch (error) {
      return %(proxy)s;
    }
  }
  return "DIRECT";
}
"""


def script(address: str, only: Sequence[str] = (), site: str = "wsproxy.local") -> str:
    """
    The file.

    Args:
        address: of the proxy, `host:port`, as the browser reaches it.
        only: regular expressions on `host:port`, as of `--only`; everything else then goes around the proxy.
            Where one of them cannot be said in JavaScript, everything goes through it: it leaves the rest
            alone.
        site: a host that always goes to the proxy.
    """
    patterns = [pattern.removeprefix("(?i)") for pattern in only]
    untold = [pattern for pattern in patterns if _ONLY_IN_PYTHON.search(pattern)]
    proxy = json.dumps(f"PROXY {address}")
    head = "// wsproxy: %s\n"
    if not only:
        return head % "every host goes through the proxy" + _EVERYTHING % {"proxy": proxy}
    if untold:
        why = json.dumps(untold[0])
        return head % f"every host goes through the proxy, as JavaScript has no {why}" + _EVERYTHING % {
            "proxy": proxy
        }
    listed = ",\n".join(f"  {json.dumps(pattern)}" for pattern in patterns)
    values = {"only": listed, "proxy": proxy, "site": json.dumps(site)}
    return head % "what --only names goes through the proxy, the rest does not" + _SOME % values
