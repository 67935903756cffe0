"""A random forest for tables of any size."""

from __future__ import annotations

from sklearn.ensemble import RandomForestClassifier

_TREES = 50
_WORTH_THREADS = 500_000
"""Values in a table, from which starting threads costs less than they save; the trees are the same."""


def forest(values: int, *, depth: int, seed: int, least: int = 1) -> RandomForestClassifier:
    """A forest that is not fitted yet.

    Args:
        values: rows times columns of the table that it will see.
        depth: of each tree, at most.
        seed: of the trees.
        least: rows in a leaf.
    """
    return RandomForestClassifier(
        _TREES,
        max_depth=depth,
        min_samples_leaf=least,
        random_state=seed,
        n_jobs=-1 if values >= _WORTH_THREADS else 1,
    )
