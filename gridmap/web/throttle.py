"""How often signing in may be tried, and how much one account may ask.

Belongs here: counting tries and requests, in this process's memory. Does not belong here: locking
an account after wrong passwords, which the store keeps (``accounts``).
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections import Counter

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gridmap.errors import TooManyTries

BY_NAME = RateLimitItemPerMinute(10, 5)
"""Ten tries in five minutes for one name, whether there is such an account or not."""

BY_ADDRESS = RateLimitItemPerMinute(60, 5)
"""Sixty from one address: an office behind one address signs in in the morning."""


BY_STRANGER = RateLimitItemPerMinute(60)
"""Sixty tokens a minute from one address that are nobody's: each costs a statement."""


class Throttle:
    """The counts of one server; it has one worker."""

    def __init__(self, requests_per_minute: int) -> None:
        storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(storage)
        self._requests_per_minute = requests_per_minute
        self._minute, self._requests = 0.0, Counter[str]()

    def count_request(self, account: str) -> None:
        """Count a request of somebody who is signed in.

        Parameters
        ----------
        account
            Whose.

        Raises
        ------
        TooManyTries
            One too many in this minute.
        """
        # Before every answer: the library starts a thread a hundred times a second to forget.
        minute, past_s = divmod(time.time(), 60)
        if minute != self._minute:
            self._minute, self._requests = minute, Counter()
        self._requests[account] += 1
        if self._requests[account] > self._requests_per_minute:
            raise TooManyTries(
                "this account has asked too much in this minute; go on in the next",
                max(1, math.ceil(60 - past_s)),
            )

    def count_stranger(self, address: str | None) -> None:
        """Count a token that is nobody's.

        Parameters
        ----------
        address
            Of the client.

        Raises
        ------
        TooManyTries
            One too many in this minute.
        """
        self._hit(BY_STRANGER, "stranger", network_of(address))

    def count(self, address: str | None, name: str = "") -> None:
        """Count a try.

        Parameters
        ----------
        address
            Of the client; None where there is none, as on a socket.
        name
            Of the account, in the form of `accounts.account_name`; empty for none.

        Raises
        ------
        TooManyTries
            One too many; it is not counted.
        """
        self._hit(BY_ADDRESS, "address", network_of(address))
        if name:
            # Names are whatever somebody types: kept short, and not readable in memory.
            self._hit(BY_NAME, "name", hashlib.sha256(name.encode()).hexdigest())

    def _hit(self, limit: RateLimitItemPerMinute, kind: str, key: str) -> None:
        if not self._limiter.hit(limit, kind, key):
            again = self._limiter.get_window_stats(limit, kind, key).reset_time - time.time()
            raise TooManyTries(
                "signing in was tried too often; try again later", max(1, math.ceil(again))
            )


def network_of(address: str | None) -> str:
    """Return what counts as one address.

    Parameters
    ----------
    address
        Of the client.

    Returns
    -------
    str
        Of IPv6 the /64, since one machine has all of it.

    Examples
    --------
    >>> network_of("2001:db8:1:2:3::4"), network_of("192.0.2.7")
    ('2001:db8:1:2::/64', '192.0.2.7')
    """
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "none"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else found)
