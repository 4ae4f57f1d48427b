"""The table of rules a row can break: id, severity, and the words in both languages.

Belongs here: every rule id a report can show (`domain.md` 1.7), its severity and its message.
Does not belong here: the checks themselves (``model``, ``topology``), exceptions (``errors``).

A message says what is wrong and what to do. ``{name}`` parts are filled from the issue's values.
A rule with several shapes has one entry a shape, ``C01.digits`` and ``C01.length``; the part
before the dot is the rule's id.

Inside, each module imports only those before it: ``names``, ``table``.
"""

from gridmap.rules.names import NAMES_ZH
from gridmap.rules.table import RULES, Rule, Severity

__all__ = ["NAMES_ZH", "RULES", "Rule", "Severity"]
