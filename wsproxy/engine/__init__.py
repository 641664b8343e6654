"""
The proxy process: mitmproxy does everything up to `101 Switching Protocols`, the relay the rest.

This package (and later the importer of mitmproxy's own files) is the only code that touches
mitmproxy. Within it, `seam` is the only module that replaces anything of it.
"""
