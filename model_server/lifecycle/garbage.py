"""The cyclic garbage collector of a process that serves."""

import gc


def settle() -> None:
    """Collect what is garbage, and leave what stands now out of later collections.

    A full collection passes over every object, and nothing is answered, refused or probed meanwhile. Right after the
    start these are 150,000, nearly all of them modules and other things that stay. What is left out still goes with its
    last reference; cycles among it wait for the next call.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
