"""The images of the data set, as a part of the Data page: averages, sizes and brightness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from dash import Input, Output, callback, html
from dash.development.base_component import Component
from numpy.typing import NDArray

from brainmri.averages import Averages
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from dashboard import data, figures
from dashboard.components import (
    SPLIT_WORDS,
    card,
    choice,
    controls,
    drawn_frame,
    empty,
    faults,
    graph,
    legend,
    name,
    no_interval,
    percent,
    section,
    state_id,
    told_script,
)
from dashboard.pages import balance
from dashboard.theme import COLOUR_SCALES, DIFFERENCE_SCALE, class_colours
from dashboard.words import value_words

_CONTRAST_RANGE = 0.3


def part(
    page: str,
    index: ImageIndex,
    query: Mapping[str, str],
) -> list[Component]:
    """How many images there are of which class, and how the classes differ to the eye.

    Args:
        page: its name, for the ids of controls.
        index: of the images.
        query: choices that the address names.
    """
    colours = class_colours(index.classes, index.negative_class)
    averages: Averages | None = None
    missing = empty("No averages yet", "Run `python -m brainmri index DATA` again.")
    try:
        averages = data.average_images()
    except InputError as error:
        missing = faults("The average images cannot be shown", [("Fault", str(error))])
    return [
        balance.part(index, colours),
        balance.by_property(page, index, query.get("by")),
        section("Average images", missing)
        if averages is None
        else _averages(page, index, averages, query),
        _sizes(index, colours),
        _brightness(index, averages, colours),
    ]


def register(page: str) -> None:
    """The callbacks of the part, on the page that shows it."""

    @callback(
        Output("average-images", "children"),
        Input(state_id(page, "scale"), "value"),
        Input(state_id(page, "split"), "value"),
        Input(state_id(page, "pointer"), "value"),
        prevent_initial_call=True,
    )
    def show_averages(scale: str, split: str, pointer: str) -> Any:
        """Another colour scale or split was chosen, or values under the pointer."""
        try:
            index, averages = data.image_index(), data.average_images()
        except InputError as error:
            return faults("The average images cannot be shown", [("Fault", str(error))])
        if index is None or averages is None:
            return empty("The image index is gone", "Run `python -m brainmri index DATA` again.")
        return _average_rows(index, averages, scale, split, values=pointer == "values")


def _averages(
    page: str,
    index: ImageIndex,
    averages: Averages,
    query: Mapping[str, str],
) -> Component:
    splits = sorted({s for s, _ in averages.groups}, key=["train", "test", "all"].index)
    scale, split = query.get("scale"), query.get("split")
    pointer = "values" if query.get("pointer") == "values" else "nothing"
    usable_scale = scale if scale in COLOUR_SCALES else COLOUR_SCALES[0]
    usable_split = split if split in splits else splits[0]
    return section(
        "The average image of each class already differs",
        controls(
            choice(
                page,
                "split",
                "Images",
                {s: SPLIT_WORDS[s].capitalize() for s in splits},
                usable_split,
                asked=split,
            ),
            choice(
                page,
                "scale",
                "Colours",
                {s: s.capitalize() for s in COLOUR_SCALES},
                usable_scale,
                asked=scale,
            ),
            choice(
                page,
                "pointer",
                "Under the pointer",
                {"nothing": "Nothing", "values": "Values"},
                pointer,
                asked=query.get("pointer"),
            ),
        ),
        html.Div(
            _average_rows(index, averages, usable_scale, usable_split, values=pointer == "values"),
            id="average-images",
        ),
        note=[
            "Every image counts, shrunk to ",
            html.Span("128 × 128", **name("size")),
            f" pixels. Below, the average of each tumour class minus that of {index.negative_class}: "
            f"brighter there, or darker. {_PICTURES}",
        ],
    )


_PICTURES = "A picture of all these images has no interval."


def _average_rows(
    index: ImageIndex, averages: Averages, scale: str, split: str, *, values: bool
) -> Component:
    """Averages and contrasts; as pictures, or with `values` as figures that tell each grey level."""

    def drawn(
        pixels: NDArray[np.floating], colours: str, low: float, high: float, *said: str
    ) -> Component:
        if values:
            return _figure(figures.heatmap(pixels, colours, low, high), *said)
        return _picture(figures.picture(pixels, colours, low, high), *said)

    def together(*parts: Component, about: str) -> Component:
        if values:  # Each figure is downloaded by itself there.
            return html.Div(list(parts), **told_script(about=about))
        return drawn_frame(*parts, about=about)

    of = "images" if split == "all" else f"{SPLIT_WORDS[split]} images"
    place = {group: i for i, group in enumerate(averages.groups)}
    present = [label for label in index.classes if (split, label) in place]
    top = max((float(averages.means[place[split, label]].max()) for label in present), default=1.0)
    means = [
        drawn(
            averages.means[place[split, label]],
            scale,
            0,
            top,
            label,
            f"average of {averages.counts[place[split, label]]:,} images",
        )
        for label in present
    ]
    contrasts: list[Component] = []
    if index.negative_class in present and len(present) > 1:
        for label in present:
            # Each difference stands below its average, so the class that the others are compared with
            # has a place too.
            if label == index.negative_class:
                contrasts.append(_compared_with(label))
                continue
            difference = averages.contrast(split, label, index.negative_class)
            largest = np.unravel_index(np.abs(difference).argmax(), difference.shape)
            contrasts.append(
                drawn(
                    difference,
                    DIFFERENCE_SCALE,
                    -_CONTRAST_RANGE,
                    _CONTRAST_RANGE,
                    f"{label} − {index.negative_class}",
                    f"largest difference {difference[largest]:+.2f}".replace("-", "−"),
                )
            )
    return html.Div(
        [
            together(
                html.Div(means, className="pictures"),
                _scale_bar(scale, "0 (black)", f"{top:.2f} (grey level)"),
                about=f"Average of the {of} of each class",
            ),
            together(
                html.Div(contrasts, className="pictures"),
                _scale_bar(
                    DIFFERENCE_SCALE, f"−{_CONTRAST_RANGE} darker", f"+{_CONTRAST_RANGE} brighter"
                ),
                about=f"Average of the {of} of each tumour class minus that of {index.negative_class}",
            )
            if contrasts
            else html.Div(),
        ],
        **no_interval(_PICTURES),
    )


def _compared_with(label: str) -> Component:
    return html.Div(
        html.P(
            f"The others minus the average of {label}: red where they are brighter, blue where they are "
            "darker, pale where they are alike."
        ),
        className="compared-with",
    )


def _picture(uri: str, label: str, detail: str) -> Component:
    return html.Figure(
        [
            html.Img(src=uri, alt=f"{label}: {detail}", width=256, height=256),
            html.Figcaption([html.Strong(label), html.Small(detail)]),
        ],
        className="average",
    )


def _figure(figure: go.Figure, label: str, detail: str) -> Component:
    return html.Figure(
        [
            graph(figure, says=f"{label}: {detail}", why=_PICTURES),
            html.Figcaption([html.Strong(label), html.Small(detail)]),
        ],
        className="average",
    )


def _scale_bar(scale: str, low: str, high: str) -> Component:
    ramp = figures.picture(np.linspace(0, 1, 256)[None], scale, 0, 1)
    return html.Div(
        [html.Span(low), html.Img(src=ramp, alt="", className="ramp"), html.Span(high)],
        className="scale-bar",
    )


def _sizes(index: ImageIndex, colours: Mapping[str, str]) -> Component:
    sizes = data.image_sizes(index)
    modes = [(value_words("mode", mode), of) for mode, of in data.image_modes(index)]
    common = data.commonest_size(index)
    images_of = {name: sum(of.values()) for name, of in sizes}
    title = (
        f"Size gives the class away: {percent(common.of_tumours, 0)} of tumour images are "
        f"{common.size}, {percent(common.of_negatives, 0)} of {index.negative_class} ones"
        if common.gives_away
        else f"Most images are {common.size}"
    )
    return section(
        title,
        legend(colours),
        html.Div(
            [
                card(
                    graph(
                        figures.stacked_shares(sizes, colours),
                        says="Images by size: "
                        + "; ".join(f"{n} {sum(c.values())}" for n, c in sizes),
                        why=balance.ALL_OF_THEM,
                    ),
                    title=html.Span(
                        f"Width × height in pixels: {common.size} in {images_of.get(common.size, 0):,} of "
                        f"{len(index.rows):,} images",
                        **no_interval(balance.ALL_OF_THEM),
                    ),
                ),
                card(
                    graph(
                        figures.stacked_shares(modes, colours),
                        says="Images by mode: "
                        + "; ".join(f"{n} {sum(c.values())}" for n, c in modes),
                        why=balance.ALL_OF_THEM,
                    ),
                    title=_format_title(modes),
                ),
            ],
            className="columns",
        ),
        why=balance.ALL_OF_THEM,
        note=f"n = {len(index.rows):,}. A model that learns such signs learns nothing about brains.",
    )


def _format_title(modes: Sequence[tuple[str, Mapping[str, int]]]) -> Component:
    """Which pixel format is the commonest; `modes` in words, with their images per class."""
    counts = {name: sum(of.values()) for name, of in modes}
    first = max(counts, key=counts.__getitem__)
    return html.Span(
        f"Pixel format: {first} in {counts[first]:,} of {sum(counts.values()):,} images",
        **no_interval(balance.ALL_OF_THEM),
    )


def _averaged(averages: Averages) -> dict[str, int]:
    """Images of each class that the averages are of."""
    found: dict[str, int] = {}
    for (_, label), count in zip(averages.groups, averages.counts, strict=True):
        found[label] = found.get(label, 0) + int(count)
    return found


def _black_title(densities: Mapping[str, NDArray[np.float32]]) -> Component:
    return html.Span(f"Pixel density: {_black(densities)}", **no_interval(balance.ALL_OF_THEM))


def _black(densities: Mapping[str, NDArray[np.float32]]) -> str:
    """Which class has the most black pixels; the levels of the first bin of the figure are black."""
    black = {name: float(of[:4].sum()) for name, of in densities.items()}
    most, least = max(black, key=black.__getitem__), min(black, key=black.__getitem__)
    return (
        f"{percent(black[most], 0)} of all pixels of {most} images are black (grey levels 0 to 3 of 255), "
        f"{percent(black[least], 0)} of those of {least} ones"
    )


def _brightness(
    index: ImageIndex, averages: Averages | None, colours: Mapping[str, str]
) -> Component:
    values = {label: v for label, v in data.brightness(index).items() if len(v)}
    middle = data.medians(values)
    darkest, brightest = min(middle, key=middle.__getitem__), max(middle, key=middle.__getitem__)
    cards = [
        card(
            graph(
                figures.histograms(values, colours, title="mean grey level of an image"),
                says="Brightness per class, medians: "
                + "; ".join(f"{label} {m:.2f}" for label, m in middle.items()),
                why=balance.ALL_OF_THEM,
            ),
            title=html.Span(
                f"Brightness: half of the {brightest} images have a mean grey level above "
                f"{middle[brightest]:.2f}, half of the {darkest} ones below {middle[darkest]:.2f}",
                **no_interval(balance.ALL_OF_THEM),
            ),
        )
    ]
    if averages is not None:
        of_class = {name: averages.density(name) for name in index.classes}
        densities = {name: density for name, density in of_class.items() if density is not None}
        cards.append(
            card(
                graph(
                    figures.densities(densities, colours, _averaged(averages)),
                    says="Share of pixels at each grey level per class. " + _black(densities),
                    why=balance.ALL_OF_THEM,
                ),
                title=_black_title(densities),
            )
        )
    return section(
        f"{brightest.capitalize()} images are brightest and {darkest} images darkest: medians "
        f"{middle[brightest]:.2f} and {middle[darkest]:.2f}",
        html.Div(cards, className="columns"),
        why=balance.ALL_OF_THEM,
        note=f"n = {len(index.rows):,}, training and test together.",
    )
