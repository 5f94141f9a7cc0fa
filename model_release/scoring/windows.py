"""Where sliding windows over a long text begin. Pure."""


def window_starts(tokens: int, width: int, overlap: float = 0.25) -> list[int]:
    """Starts of the fewest windows of `width` tokens that cover all of `tokens`.

    Neighbours share at least `overlap` of a window. The starts are spread evenly and the last window ends with the
    text, so every window is full and a mean over windows does not weigh a short tail as much as a whole page.

    Args:
        tokens: the text's tokens, at least 0; one window holds a text up to `width`.
        overlap: 0 ≤ overlap < 1.
    """
    beyond = tokens - width
    if beyond <= 0:
        return [0]
    step = max(1, int(width * (1 - overlap)))
    steps = -(-beyond // step)
    return [round(index * beyond / steps) for index in range(steps + 1)]
