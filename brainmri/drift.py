"""How far the test part differs from the training part, property by property and class by class.

Every statistic comes with a 95 % interval that resamples whole near-duplicate clusters, and a distance
also with what chance alone reaches. A distance of samples is larger than that of what they were drawn
from, and that of resamples larger still, so percentiles of resamples would lie above the truth: the
interval of a distance is `intervals.of_distance`. How often each holds the truth is measured in
tests/brainmri/test_coverage_of_drift.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from brainmri import intervals, metrics, ranking
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
    whole = (~is_test).astype(float)[np.newaxis], is_test.astype(float)[np.newaxis]
    drawn = _apply(
        [statistic.drawn(*whole) for _, _, statistic, _ in statistics],
        _resampled(is_test, cluster, seed),
    )
    random = _apply(
        [statistic.value for _, _, statistic, _ in statistics], _permuted(is_test, cluster, seed)
    )
    for i, (one, name, statistic, about) in enumerate(statistics):
        here = np.isfinite(one.values)
        clusters = [len(np.unique(cluster[here & rows])) for rows in (~is_test, is_test)]
        by_chance = np.abs(random[i][np.isfinite(random[i])])
        chance = float(np.quantile(by_chance, 0.95)) if len(by_chance) else None
        value = float(statistic.value(*whole)[0])
        estimate = Estimate(None, None, None, len(is_test), reason="all images have the same value")
        if np.isfinite(value):
            estimate = statistic.estimate(value, drawn[i], len(is_test), clusters, chance)
        yield {
            **about,
            "statistic": name,
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "chance": chance,
            "reason": estimate.reason,
        }


def _apply(functions: list[_OfDraws], draws: Iterator[tuple[Floats, Floats]]) -> Floats:
    """Each function of each draw, float64 (functions, draws)."""
    found = [[function(*weights) for function in functions] for weights in draws]
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


_OfDraws = Callable[[Floats, Floats], Floats]
"""Weights of the training and of the test images (r, n) to a number of each draw (r,)."""


@dataclass(frozen=True)
class _Statistic:
    """A difference of two samples.

    Attributes:
        value: of weighted images.
        error: of a distance: given the weights of the whole sample, how far at most a resample's
            distance is from that of the whole. None for what is no distance.
        of_unseen: of a distance: how far a share of the images with another value takes it at most.
    """

    value: _OfDraws
    error: Callable[[Floats, Floats], _OfDraws] | None = None
    of_unseen: Callable[[float], float] = float

    def drawn(self, train: Floats, test: Floats) -> _OfDraws:
        """What `estimate` needs of every resample, given the weights of the whole sample."""
        return self.value if self.error is None else self.error(train, test)

    def estimate(
        self, value: float, drawn: Floats, n: int, clusters: list[int], chance: float | None
    ) -> Estimate:
        """The value with its interval.

        Args:
            value: of the whole sample.
            drawn: what `drawn` gives of its resamples.
            n: images.
            clusters: how many each part has.
            chance: 95 % of random divisions stay below; a distance that does, too, may be 0. Resamples
                of few clusters cannot tell, since a rare kind may be in none of them.
        """
        few = intervals.few_clusters(min(clusters))
        if self.error is None:
            return metrics.bootstrap_estimate(value, value + few * (drawn - value), n)
        # Where every image of a part has the same value resamples do not differ, but others may.
        unseen = [self.of_unseen(intervals.wilson(0.0, count)[1]) for count in clusters]
        unanimous = float(np.hypot(unseen[0], unseen[1]))
        low, high = intervals.of_distance(value, few * drawn, unanimous)
        return Estimate(value, low if chance is None or value > chance else 0.0, high, n)


def _of_those(here: Ints, statistic: _Statistic) -> _Statistic:
    """The statistic of some images, given the weights of all of them."""

    def value(train: Floats, test: Floats) -> Floats:
        return statistic.value(train[:, here], test[:, here])

    if statistic.error is None:
        return _Statistic(value)
    of_whole = statistic.error

    def error(whole_train: Floats, whole_test: Floats) -> _OfDraws:
        away = of_whole(whole_train[:, here], whole_test[:, here])
        return lambda train, test: away(train[:, here], test[:, here])

    return _Statistic(value, error, statistic.of_unseen)


def _ks(values: Floats) -> _Statistic:
    """Largest distance of the two distribution functions, 0-1."""
    order = np.argsort(values, kind="stable")
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))

    def apart(train: Floats, test: Floats) -> Floats:
        below = [
            _shares(np.cumsum(weights[:, order], axis=1))[:, last] for weights in (train, test)
        ]
        return below[1] - below[0]

    def error(whole_train: Floats, whole_test: Floats) -> _OfDraws:
        whole = apart(whole_train, whole_test)
        return lambda train, test: np.abs(apart(train, test) - whole).max(axis=1)

    return _Statistic(lambda train, test: np.abs(apart(train, test)).max(axis=1), error)


def _shares(cumulated: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # A draw without images of one part is nan, left out later.
        return cumulated / cumulated[:, -1:]


def _smd(values: Floats) -> _Statistic:
    """Mean of test minus mean of training, in their average standard deviation (Cohen 1988)."""

    def moments(weights: Floats) -> tuple[Floats, Floats]:
        total = weights.sum(axis=1)
        mean = weights @ values / total
        return mean, np.maximum(weights @ values**2 / total - mean**2, 0)

    def value(train: Floats, test: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            (train_mean, train_variance), (test_mean, test_variance) = moments(train), moments(test)
            return (test_mean - train_mean) / np.sqrt((train_variance + test_variance) / 2)

    return _Statistic(value)


def _js(codes: Floats) -> _Statistic:
    """Square root of the Jensen-Shannon divergence in bits (Lin 1991), 0-1.

    It is the length of a straight line: each distribution is a point of a Hilbert space (Fuglede and
    Topsøe 2004), so what two errors do to it at most is the length of their difference.
    """
    of_level = (codes[:, np.newaxis] == np.unique(codes)).astype(np.float64)

    def shares(weights: Floats) -> Floats:
        counts = weights @ of_level
        with np.errstate(invalid="ignore"):  # As in `_shares`.
            return counts / counts.sum(axis=1, keepdims=True)

    def error(whole_train: Floats, whole_test: Floats) -> _OfDraws:
        p, q = shares(whole_train), shares(whole_test)

        def away(train: Floats, test: Floats) -> Floats:
            p_drawn, q_drawn = shares(train), shares(test)
            # |(p' - p) - (q' - q)|² of the points, by the distances between them.
            square = _divergence(p_drawn, p) + _divergence(q_drawn, q)
            square += _divergence(p_drawn, q_drawn) + _divergence(p, q)
            square -= _divergence(p_drawn, q) + _divergence(p, q_drawn)
            return np.sqrt(np.maximum(square, 0))

        return away

    def value(train: Floats, test: Floats) -> Floats:
        return np.sqrt(_divergence(shares(train), shares(test)))

    def of_unseen(share: float) -> float:
        seen = np.array([[1.0, 0.0]]), np.array([[1 - share, share]])
        return float(np.sqrt(_divergence(*seen)[0]))

    return _Statistic(value, error, of_unseen)


def _divergence(p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon divergence of shares (r, levels) in bits (r,); nan where one has none."""
    middle = (p + q) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        bits = sum(np.where(share > 0, share * np.log2(share / middle), 0) for share in (p, q))
    empty = np.isnan(middle).any(axis=1)
    return np.where(empty, np.nan, np.maximum(np.sum(bits, axis=1) / 2, 0))


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
