"""Positions of sliding windows over a long text."""


def window_starts(tokens: int, width: int, overlap: float = 0.25) -> list[int]:
    """Return the starts of the fewest windows of `width` tokens that cover all `tokens`.

    Neighbours share at least `overlap` of a window. The starts are evenly spaced and the last window ends with the
    text. So every window is full, and a mean over windows does not give a short tail the weight of a whole page.

    Args:
        tokens: number of the text's tokens; one window holds a text of up to `width`.
        overlap: 0 ≤ overlap < 1.
    """
    beyond = tokens - width
    if beyond <= 0:
        return [0]
    step = max(1, int(width * (1 - overlap)))
    steps = -(-beyond // step)
    return [round(index * beyond / steps) for index in range(steps + 1)]
