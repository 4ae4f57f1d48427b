"""The server: `create_app` and nothing else.

Belongs here: routes, headers, statuses, and in ``static`` and ``templates`` what a browser gets.
Does not belong here: any decision about data (``jobs``).
"""

from gridmap.web.app import create_app

__all__ = ["create_app"]
