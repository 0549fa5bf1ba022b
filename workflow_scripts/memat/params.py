"""What a rule gives its script, and what of it the script has read.

A param that nothing reads would run its stage again for no reason, and a setting that is read
and is no param would not run it again when it should: both are told apart here.
"""

from collections.abc import Iterator
from types import SimpleNamespace


class Given(dict):
    """Params of a rule by name; sections within are `Given` too.

    A missing name is a KeyError that names the rule and the param.
    """

    def __init__(self, rule: str, content: dict, place: str = ""):
        self.rule, self.place, self.read = rule, place, set()
        super().__init__(
            (key, Given(rule, value, f"{place}{key}.") if isinstance(value, dict) else value)
            for key, value in content.items()
        )

    def __getitem__(self, key):
        if key not in self:
            raise KeyError(f"rule {self.rule} gives its script no param {self.place}{key}")
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        if key not in self:
            return default
        return self[key]

    def pop(self, key):
        value = self[key]
        del self[key]
        return value

    def __iter__(self) -> Iterator:
        """Names alone are not read. With this method, `dict(given)` and `**given` read each value."""
        return super().__iter__()

    def items(self) -> list[tuple]:
        return [(key, self[key]) for key in self]

    def values(self) -> list:
        return [self[key] for key in self]

    def __or__(self, other: dict) -> dict:
        return dict(self) | other

    def unread(self) -> list[str]:
        """Dotted names of what nothing has read, in order."""
        names = []
        for key in self:
            value = super().__getitem__(key)
            if isinstance(value, Given):
                names += value.unread()
            elif key not in self.read:
                names.append(f"{self.place}{key}")
        return names


class Params(SimpleNamespace):
    """Params of a rule as attributes, read from `Given`."""

    def __init__(self, given: Given):
        super().__init__(_given=given)

    def __getattr__(self, name: str):
        try:
            return self._given[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None
