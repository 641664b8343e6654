"""
Certificates: the authority that signs for every intercepted server, and what a certificate says.

    authority   the CA on disk, in the files mitmproxy reads
    root        its certificate
    limits      the hosts it may vouch for
    leaf        a certificate for one server, with its key
    inspect     fingerprints, pins and dates of any certificate
    files       files that appear whole or not at all
    trust       making programs trust the CA, and taking that back
"""

from wsproxy.certs.authority import Authority
from wsproxy.certs.inspect import CertificateInfo, describe, spki_pin
from wsproxy.certs.leaf import Leaf

__all__ = ["Authority", "CertificateInfo", "Leaf", "describe", "spki_pin"]
