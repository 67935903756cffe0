"""Images with some lines underneath, or their paths where the images are not here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from brainmri.corrections import KEPT
from dashboard import data
from dashboard.components.graphs import ONE_IMAGE, colours_of, probability_bars, whose_probabilities
from dashboard.components.reasons import reasons
from dashboard.components.words import Children, aria, name, no_interval, percent


def image_tiles(
    view: data.RunView,
    shown: Sequence[data.Scored],
    remarks: Sequence[Children] = (),
    *,
    opens: str,
) -> Component:
    """Images of a run with what it said of each; without the images, how to get them.

    `remarks` are a line for each, or none. `opens` makes buttons of them that open the image panel
    (`pages.image_panel`); it names the place, once on a page.
    """
    entries = image_tile_list(view, shown, remarks, opens=opens)
    note = whose_note(view)
    return html.Div([note, paths_or_tiles(entries), reasons(note, entries)])


def whose_note(view: data.RunView) -> Component:
    """Which probabilities stand under the images of a run."""
    whose = whose_probabilities(view.temperature, is_run=view.run is not None)
    return html.P(f"{whose} {ONE_IMAGE}", className="note whose")


def image_tile_list(
    view: data.RunView,
    shown: Sequence[data.Scored],
    remarks: Sequence[Children] = (),
    *,
    opens: str,
    start: int = 0,
    count: int | None = None,
) -> list[Component]:
    """The tiles alone: as `image_tiles`, from place `start` of a list of `count` that scrolls."""
    colours = colours_of(view)
    here = data.images_folder() is not None
    entries: list[Component] = []
    for i, (scored, remark) in enumerate(zip_longest(shown, remarks), start):
        said = (
            probability_bars(scored.probabilities, colours)
            if here
            else html.Span(
                f"{scored.answer} {percent(scored.probabilities[scored.answer])}",
                **no_interval(ONE_IMAGE),
            )
        )
        entries.append(
            picture_tile(
                scored.path,
                remark,
                warning="has a near-copy in training" if scored.seen else None,
                foot=said,
                alt=f"{scored.label} image",
                opens=f"{opens}-{i}",
                place=None if count is None else (i + 1, count),
            )
        )
    return entries


def picture_tile(
    path: str,
    *lines: Children,
    warning: str | None = None,
    foot: Children = None,
    alt: str | None = None,
    opens: str | None = None,
    place: tuple[int, int] | None = None,
) -> Component:
    """An indexed image, or an upload that was kept, with some lines underneath.

    Without the images here it is a line with the path. `opens`, one of its kind on the page, makes it a
    button that opens the image panel. `place` is its number, from 1 on, and the length of the list, in one
    that scrolls (`scroller`): all of its tiles are of one height, with a line or without.
    """
    kept = path.startswith(KEPT)
    called = "an upload that was kept" if kept else path or "unnamed"
    named = html.Span(called, className="path", **name("path"))
    said = [one for one in (data.reported_label(path), warning) if one is not None]
    below = [line for line in lines if line is not None]
    if said:
        below.append(html.Span("; ".join(said), className="seen", title="; ".join(said)))
    elif place is not None:
        below.append(html.Span(className="seen"))
    below += [] if foot is None else [foot]
    if kept:
        opens = None  # The panel is about indexed images.
    if data.images_folder() is None and not kept:
        words = [
            _opener(path, opens, named, "link-button", place),
            *(html.Span(line) for line in below),
        ]
        kind = "tile path-line"
        return html.Li(words, className=kind) if place is None else _in_list(words, place, kind)
    source = f"/kept/{quote(path.removeprefix(KEPT))}" if kept else f"/image/{quote(path)}"
    picture = html.Img(src=source, alt=alt or called)
    caption = html.Figcaption([named, *(html.Div(line) for line in below)])
    figure = [_opener(path, opens, picture, "tile-open", place), caption]
    if place is None:
        return html.Figure(figure, className="tile")
    return _in_list(html.Figure(figure), place, "tile")


def _in_list(child: Children, place: tuple[int, int], kind: str) -> Component:
    number, count = (str(one) for one in place)
    return html.Div(child, className=kind, role="listitem", **aria(posinset=number, setsize=count))


def _opener(
    path: str, opens: str | None, child: Component, kind: str, place: tuple[int, int] | None
) -> Component:
    if opens is None or not path:
        return child
    return html.Button(
        child,
        id={"image": path, "place": opens},  # assets/image_panel.js listens to it.
        className=kind,
        disable_n_clicks=True,
        **name("path"),
        **aria(label=f"Open {path}{_number(place)}", haspopup="dialog"),
    )


def _number(place: tuple[int, int] | None) -> str:
    """Which image of its list it is, as a screen reader says it."""
    return "" if place is None else f", image {place[0]:,} of {place[1]:,}"


def paths_or_tiles(entries: Sequence[Component], kind: str = "tiles") -> Component:
    """Tiles side by side; without the images here, a compact list of their paths and how to see them."""
    if data.images_folder() is not None:
        return html.Div(list(entries), className=kind)
    return html.Div([pictures_missing(), html.Ul(list(entries), className=f"{kind} path-list")])


def pictures_missing() -> Component | None:
    """How to see the pictures, where the images are not here."""
    if data.images_folder() is not None:
        return None
    return html.P("Start the dashboard with --data FOLDER to see the pictures.", className="note")
