"""Which network addresses a download may connect to: public ones only."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network, ip_address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
"""Networks without IPv4 reach IPv4 hosts through these addresses, which contain the IPv4 address (RFC 6052)."""
_6TO4 = IPv6Network("2002::/16")
_CLOSED = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo and other protocol assignments
            "2001:db8::/32",  # documentation
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
        ),
    )
)


def is_public(address: str) -> bool:
    """Return whether an IP address is a public unicast address.

    False for private, loopback, link-local, shared (RFC 6598), multicast, reserved, unspecified and documentation
    addresses, for IPv6 addresses that contain an IPv4 address of this kind, and for texts that are no address.
    """
    try:
        parsed = ip_address(address)
    except (AddressValueError, ValueError):
        return False
    return _is_public_4(parsed) if isinstance(parsed, IPv4Address) else _is_public_6(parsed)


def _is_public_4(address: IPv4Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False  # valid on one interface only
    if address in _NAT64:
        return _is_public_4(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address in _6TO4:
        return _is_public_4(IPv4Address(int(address) >> 80 & 0xFFFF_FFFF))
    # IPv4-mapped addresses (::ffff:0:0/96) are outside of this range. A host has an A record instead.
    if address not in _GLOBAL_UNICAST or any(address in network for network in _CLOSED):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)
