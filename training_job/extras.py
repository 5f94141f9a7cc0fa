"""Optional parts of a release: a failure is reported in one line, and the release is made without the part."""

import logging
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")

log = logging.getLogger(__name__)


class Extras:
    """Optional parts, and which of them are missing.

    Attributes:
        missing: the reason by the name of each missing part.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self.missing: dict[str, str] = {}
        self._say = say or log.warning

    def attempt(
        self, part: str, make: Callable[[], Made], *, unless: Callable[[Exception], bool] = lambda _: False
    ) -> Made | None:
        """Return the part that `make` returns; record and report a failure, and return None. An interruption passes.

        Args:
            unless: returns whether an error concerns more than this part; such an error is raised.
        """
        try:
            return make()
        except Exception as error:  # of any library that makes the part
            if unless(error):
                raise
            reason = " ".join(str(error).split())[:200] or "no reason was given"
            self.missing[part] = reason
            self._say(f"warning: {part} could not be made ({reason}); the release is complete without it")
            log.debug("%s could not be made", part, exc_info=True)
            return None
