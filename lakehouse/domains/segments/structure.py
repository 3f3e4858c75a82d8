"""What may be said of types, given how far they are from a crowd without groups."""

from __future__ import annotations

# A silhouette this little above that of a featureless crowd shows no groups.
GAP_OF_GROUPS = 0.05


def claim(gap: float) -> str:
    """What a page may say of the types, given their gap to a crowd without groups.

    >>> claim(0.02)
    'no separate groups: cuts of a continuum (the gap to a featureless crowd is 0.02)'
    """
    if gap >= GAP_OF_GROUPS:
        return f"groups: the silhouette is {gap:.2f} above that of a crowd without groups"
    return f"no separate groups: cuts of a continuum (the gap to a featureless crowd is {gap:.2f})"
