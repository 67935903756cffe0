"""How far the test part differs from the training part, property by property and class by class.

Every statistic comes with a 95 % interval that resamples whole near-duplicate clusters, and a distance
also with what chance alone reaches: it cannot be negative, so its interval never holds 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from brainmri import metrics, ranking
from brainmri.audit_tables import JS, KS, SMD
from brainmri.forests import forest
from brainmri.metrics import Estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Row = dict[str, Any]

RESAMPLES, PERMUTATIONS = 500, 200
_FEW_LEVELS = 10
_CELLS_AT_ONCE = 4_000_000
_FOLDS = 5


def table(
    properties: pd.DataFrame,
    label: NDArray[np.object_],
    part: NDArray[np.object_],
    cluster: Ints,
    *,
    seed: int,
) -> Iterator[Row]:
    """Compare the test part with the parts that shape a model (training and validation).

    Args:
        properties: (n rows); numbers are compared by KS and SMD; text, and whole numbers of few
            values, by JS. Missing text is a value of its own; images without a number are left out
            of that property.
        label: (n,) class names; each class is compared on its own, and all of them together.
        part: (n,) "train", "val" and "test"; other rows are not used.
        cluster: (n,) near-duplicate cluster.
        seed: of the resamples.

    Yields:
        `label` (None: all classes), `property`, `statistic`, `value`, `low`, `high`, `chance` (95 %
        of random divisions of the clusters stay below), `training_images`, `test_images`,
        `training_median`, `test_median` (of numbers), `reason` (why there is no value).
    """
    used = np.isin(part, ["train", "val", "test"])
    is_test = part == "test"
    columns = [_Property.of(name, properties[name]) for name in properties.columns]
    for name in [None, *sorted(set(label[used]))]:
        rows = used if name is None else used & (label == name)
        for found in _compare(
            [one.at(rows) for one in columns], is_test[rows], cluster[rows], seed
        ):
            yield {"label": name, **found}


@dataclass(frozen=True)
class _Property:
    """A column as float64 (n,): numbers with nan for missing, or the codes of its values."""

    name: str
    is_number: bool
    values: Floats

    @classmethod
    def of(cls, name: str, column: pd.Series[Any]) -> _Property:
        if is_number(column):
            numbers = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
            return cls(name, True, np.asarray(numbers, dtype=np.float64))
        levels = column.astype("string").fillna("(missing)")
        return cls(name, False, pd.factorize(levels, sort=True)[0].astype(np.float64))

    def at(self, rows: Bools) -> _Property:
        return _Property(self.name, self.is_number, self.values[rows])

    def statistics(self) -> dict[str, _Statistic]:
        if not self.is_number:
            return {JS: _js(self.values)}
        here = np.flatnonzero(np.isfinite(self.values))
        numbers = self.values[here]
        return {KS: _of_those(here, _ks(numbers)), SMD: _of_those(here, _smd(numbers))}


def _compare(
    properties: list[_Property], is_test: Bools, cluster: Ints, seed: int
) -> Iterator[Row]:
    """Every statistic of every property; all of them share the draws, which take longest to make."""
    statistics: list[tuple[_Property, str, _Statistic, Row]] = []
    for one in properties:
        here = np.isfinite(one.values)
        train, test = here & ~is_test, here & is_test
        about: Row = {
            "property": one.name,
            "training_images": int(train.sum()),
            "test_images": int(test.sum()),
            "training_median": None,
            "test_median": None,
        }
        empty = [name for name, rows in (("training", train), ("test", test)) if not rows.any()]
        if empty:
            reason = f"no {empty[0]} images with a value"
            for name in (KS, SMD) if one.is_number else (JS,):
                yield {**about, "statistic": name, "reason": reason}
            continue
        if one.is_number:
            about["training_median"] = float(np.median(one.values[train]))
            about["test_median"] = float(np.median(one.values[test]))
        statistics += [(one, name, found, about) for name, found in one.statistics().items()]
    if not statistics:
        return
    plain = (~is_test).astype(float)[np.newaxis], is_test.astype(float)[np.newaxis]
    drawn = _apply(statistics, _resampled(is_test, cluster, seed))
    random = _apply(statistics, _permuted(is_test, cluster, seed))
    for i, (_, name, statistic, about) in enumerate(statistics):
        value = float(statistic(*plain)[0])
        estimate = Estimate(None, None, None, len(is_test), reason="all images have the same value")
        if np.isfinite(value):
            estimate = metrics.bootstrap_estimate(value, drawn[i], len(is_test))
        by_chance = np.abs(random[i][np.isfinite(random[i])])
        yield {
            **about,
            "statistic": name,
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "chance": float(np.quantile(by_chance, 0.95)) if len(by_chance) else None,
            "reason": estimate.reason,
        }


def _apply(
    statistics: list[tuple[_Property, str, _Statistic, Row]], draws: Iterator[tuple[Floats, Floats]]
) -> Floats:
    """Each statistic of each draw, float64 (statistics, draws)."""
    found = [[statistic(*weights) for _, _, statistic, _ in statistics] for weights in draws]
    return np.concatenate([np.stack(piece) for piece in found], axis=1)


def is_number(values: pd.Series[Any]) -> bool:
    """Whether values are numbers rather than the codes of a few kinds, such as 0 and 1."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return False
    whole = pd.api.types.is_integer_dtype(values)
    return not whole or values.nunique() > _FEW_LEVELS


def told_apart(x: NDArray[np.generic], is_test: Bools, cluster: Ints, *, seed: int) -> Estimate:
    """Classifier two-sample test (Lopez-Paz and Oquab 2017): 0.5 means the parts look the same.

    Area under the ROC curve of a random forest that tells test from training images, on images of
    clusters that it was not fitted to; the interval resamples clusters.

    Args:
        x: (n, f) features without gaps.
        is_test: bool (n,).
        cluster: (n,) near-duplicate cluster; none is in two folds.
        seed: of folds and forest.
    """
    fewest = min(len(np.unique(cluster[is_test])), len(np.unique(cluster[~is_test])))
    if fewest < 2:
        return Estimate(None, None, None, len(x), reason="too few different images")
    folds = StratifiedGroupKFold(min(_FOLDS, fewest), shuffle=True, random_state=seed)
    score = np.full(len(x), 0.5)
    for fitted, judged in folds.split(x, is_test, cluster):
        if is_test[fitted].all() or not is_test[fitted].any():
            continue
        trees = forest(x.size, depth=10, least=5, seed=seed)
        trees.fit(x[fitted], is_test[fitted])
        score[judged] = trees.predict_proba(x[judged])[:, 1]
    return ranking.areas(is_test, score, cluster, seed=seed)[0]


_Statistic = Callable[[Floats, Floats], Floats]
"""Weights of the training and of the test images (r, n) to the statistic of each draw (r,)."""


def _of_those(here: Ints, statistic: _Statistic) -> _Statistic:
    """The statistic of some images, given the weights of all of them."""
    return lambda train, test: statistic(train[:, here], test[:, here])


def _ks(values: Floats) -> _Statistic:
    """Largest distance of the two distribution functions, 0-1."""
    order = np.argsort(values, kind="stable")
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))

    def statistic(train: Floats, test: Floats) -> Floats:
        below = [
            _shares(np.cumsum(weights[:, order], axis=1))[:, last] for weights in (train, test)
        ]
        return np.abs(below[1] - below[0]).max(axis=1)

    return statistic


def _shares(cumulated: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # A draw without images of one part is nan, left out later.
        return cumulated / cumulated[:, -1:]


def _smd(values: Floats) -> _Statistic:
    """Mean of test minus mean of training, in their average standard deviation (Cohen 1988)."""

    def moments(weights: Floats) -> tuple[Floats, Floats]:
        total = weights.sum(axis=1)
        mean = weights @ values / total
        return mean, np.maximum(weights @ values**2 / total - mean**2, 0)

    def statistic(train: Floats, test: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            (train_mean, train_variance), (test_mean, test_variance) = moments(train), moments(test)
            return (test_mean - train_mean) / np.sqrt((train_variance + test_variance) / 2)

    return statistic


def _js(codes: Floats) -> _Statistic:
    """Square root of the Jensen-Shannon divergence in bits (Lin 1991), 0-1."""
    of_level = (codes[:, np.newaxis] == np.unique(codes)).astype(np.float64)

    def statistic(train: Floats, test: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            p, q = (weights @ of_level for weights in (train, test))
            p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
            middle = (p + q) / 2
            bits = [
                np.where(share > 0, share * np.log2(share / middle), 0).sum(axis=1)
                for share in (p, q)
            ]
        empty = np.isnan(p).any(axis=1) | np.isnan(q).any(axis=1)
        return np.where(empty, np.nan, np.sqrt(np.maximum(sum(bits) / 2, 0)))

    return statistic


def _resampled(is_test: Bools, cluster: Ints, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Weights of bootstrap samples that draw whole clusters, some samples at a time."""
    for i, some in enumerate(_pieces(RESAMPLES, len(cluster))):
        counts, group = metrics.resampled_counts(cluster, (seed, i), some)
        drawn = counts[:, group]
        yield drawn * ~is_test, drawn * is_test


def _permuted(is_test: Bools, cluster: Ints, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Weights of random divisions: the images that a cluster has in one part stay together."""
    unit_codes, unit = np.unique(2 * cluster + is_test, return_inverse=True)
    of_test = (unit_codes % 2).astype(np.float64)
    generator = np.random.default_rng([seed, 1])
    for some in _pieces(PERMUTATIONS, len(unit)):
        shuffled = generator.permuted(np.tile(of_test, (some, 1)), axis=1)[:, unit]
        yield 1 - shuffled, shuffled


def _pieces(draws: int, n: int) -> Iterator[int]:
    together = max(1, _CELLS_AT_ONCE // n)
    for start in range(0, draws, together):
        yield min(together, draws - start)
