"""
An authority that may vouch for some hosts only (name constraints, RFC 5280 section 4.2.1.10).

A constraint binds only names of its own kind. An authority that is limited to DNS names must therefore
rule out all IP addresses, and the other way round.
"""

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

from cryptography import x509

from wsproxy.certs import leaf
from wsproxy.errors import UsageError

Limit: TypeAlias = x509.DNSName | x509.IPAddress

_ALL_ADDRESSES = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


def parse(text: str) -> Limit:
    """
    What an authority is limited to.

    Args:
        text: a DNS name, which stands for itself and all names below it; an IP address or network.

    Raises:
        UsageError: it is none of these.
    """
    bare = text.strip().removeprefix("[").removesuffix("]")
    try:
        return x509.IPAddress(ipaddress.ip_network(bare))
    except ValueError as error:
        if "host bits set" in str(error):
            raise UsageError(
                f"{text!r} is an address in a network, not a network",
                f"The network is {ipaddress.ip_network(bare, strict=False)}",
            ) from None
    if bare.startswith(("*.", ".")):
        raise UsageError(
            f"an authority cannot be limited to {text!r}",
            f"{bare.lstrip('*.')!r} stands for itself and all names below it",
        )
    try:
        name = leaf.general_name(bare)
    except ValueError as error:
        raise UsageError(str(error)) from None
    assert isinstance(name, x509.DNSName)
    return name


def constraints(limits: Sequence[Limit]) -> x509.NameConstraints:
    """The extension that allows what is in `limits`, one at least, and nothing else."""
    excluded: list[x509.GeneralName] = []
    if not any(isinstance(limit, x509.IPAddress) for limit in limits):
        excluded += [x509.IPAddress(network) for network in _ALL_ADDRESSES]
    if not any(isinstance(limit, x509.DNSName) for limit in limits):
        excluded.append(x509.DNSName(""))
    return x509.NameConstraints(list(limits), excluded or None)


def of(certificate: x509.Certificate) -> list[str]:
    """What an authority is limited to, as `parse` reads it; empty if it is not."""
    found = extension(certificate)
    return [str(name.value) for name in found.permitted_subtrees or ()] if found else []


def extension(certificate: x509.Certificate) -> x509.NameConstraints | None:
    """The constraints of a certificate, if it has any."""
    try:
        return certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def permits(found: x509.NameConstraints, name: x509.GeneralName) -> bool:
    """Whether an authority with these constraints may vouch for `name`, a DNS name or an IP address."""
    permitted = [limit for limit in found.permitted_subtrees or () if type(limit) is type(name)]
    excluded = [limit for limit in found.excluded_subtrees or () if type(limit) is type(name)]
    if any(_within(name, limit) for limit in excluded):
        return False
    return not permitted or any(_within(name, limit) for limit in permitted)


def _within(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    if isinstance(name, x509.IPAddress) and isinstance(limit, x509.IPAddress):
        return name.value in ipaddress.ip_network(str(limit.value))
    if isinstance(name, x509.DNSName) and isinstance(limit, x509.DNSName):
        host, base = name.value.lower(), limit.value.lower()
        return not base or host == base or host.endswith(f".{base}")
    return False
