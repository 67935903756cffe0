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
    opens: str | None = None,
) -> Component:
    """Images of a run with what it said of each; without the images, how to get them.

    `remarks` are a line for each, or none. `opens` makes buttons of them that open the image panel
    (`pages.image_panel`), on a page that has one; it names the place, once on a page.
    """
    colours = colours_of(view)
    here = data.images_folder() is not None
    entries: list[Component] = []
    for i, (scored, remark) in enumerate(zip_longest(shown, remarks)):
        seen = html.Small("has a near-copy in training", className="seen") if scored.seen else None
        said = (
            probability_bars(scored.probabilities, colours)
            if here
            else html.Span(
                f"{scored.answer} {percent(scored.probabilities[scored.answer])}",
                **no_interval(ONE_IMAGE),
            )
        )
        place = None if opens is None else f"{opens}-{i}"
        alt = f"{scored.label} image"
        entries.append(picture_tile(scored.path, seen, remark, said, alt=alt, opens=place))
    whose = whose_probabilities(view.temperature, is_run=view.run is not None)
    note = html.P(f"{whose} {ONE_IMAGE}", className="note whose")
    return html.Div([note, paths_or_tiles(entries), reasons(note, entries)])


def picture_tile(
    path: str, *lines: Children, alt: str | None = None, opens: str | None = None
) -> Component:
    """An indexed image, or an upload that was kept, with some lines underneath.

    Without the images here it is a line with the path. `opens`, one of its kind on the page, makes it a
    button that opens the image panel.
    """
    kept = path.startswith(KEPT)
    called = "an upload that was kept" if kept else path or "unnamed"
    named = html.Span(called, className="path", **name("path"))
    below = [line for line in lines if line is not None]
    changed = data.reported_label(path)
    if changed is not None:
        below.insert(0, html.Span(changed, className="seen"))
    if kept:
        opens = None  # The panel is about indexed images.
    if data.images_folder() is None and not kept:
        words = [_opener(path, opens, named, "link-button"), *(html.Span(line) for line in below)]
        return html.Li(words, className="tile path-line")
    source = f"/kept/{quote(path.removeprefix(KEPT))}" if kept else f"/image/{quote(path)}"
    picture = html.Img(src=source, alt=alt or called)
    caption = html.Figcaption([named, *(html.Div(line) for line in below)])
    return html.Figure([_opener(path, opens, picture, "tile-open"), caption], className="tile")


def _opener(path: str, opens: str | None, child: Component, kind: str) -> Component:
    if opens is None or not path:
        return child
    return html.Button(
        child,
        id={"image": path, "place": opens},  # assets/image_panel.js listens to it.
        className=kind,
        disable_n_clicks=True,
        **name("path"),
        **aria(label=f"Open {path}", haspopup="dialog"),
    )


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
