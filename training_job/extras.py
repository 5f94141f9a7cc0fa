"""Parts that a release can do without: one that fails costs a line for the person, and never the release."""

import logging
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")

log = logging.getLogger(__name__)


class Extras:
    """Makes such parts, and remembers which are missing.

    Attributes:
        missing: each missing part, and the reason.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self.missing: dict[str, str] = {}
        self._say = say or log.warning

    def attempt(
        self, part: str, make: Callable[[], Made], *, unless: Callable[[Exception], bool] = lambda _: False
    ) -> Made | None:
        """The part that `make` returns; None after a failure, which is noted and reported. An interruption passes.

        Args:
            unless: whether an error concerns more than this part; it is then raised.
        """
        try:
            return make()
        except Exception as error:  # whatever library the part is made with
            if unless(error):
                raise
            reason = " ".join(str(error).split())[:200] or "no reason was given"
            self.missing[part] = reason
            self._say(f"warning: {part} could not be made ({reason}); the release is complete without it")
            log.debug("%s could not be made", part, exc_info=True)
            return None
