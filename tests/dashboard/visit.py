"""Opens pages in process, as the browser would, and reads what they say. No script runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from plotly.io.json import to_json_plotly

from brainmri.wording import plain

Node = Any
"""A component as the JSON that the browser gets."""

_TEXT_PROPERTIES = ("title", "label", "alt", "aria-label")


class Visitor:
    """Sends what Dash's front end sends and hands back components."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self._callbacks = client.get("/_dash-dependencies").get_json()

    def open(self, address: str) -> Node:
        """The components of the page at `address`, such as "/evaluate?run=cnn"."""
        parts = urlsplit(address)
        search = f"?{parts.query}" if parts.query else ""
        location = {"pathname": parts.path, "search": search}
        return self.fire("_pages_content", inputs=location)["_pages_content"]["children"]

    def fire(
        self,
        output: str,
        *,
        inputs: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
        changed: Sequence[str] = (),
        every: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Answer of the first callback that writes to `output`.

        Args:
            output: id of the callback's first output.
            inputs: property values by the id they belong to (by property where that is unambiguous);
                for an id that stands for several components a list of (id, value), under the first key
                that stands for all; the id is a dict where several keys do.
            state: likewise.
            changed: every "id.property" that caused the call; the first input when not given.
            every: what an output that stands for several components stands for.
        """
        response = self.post(output, inputs=inputs, state=state or {}, changed=changed, every=every)
        assert response.status_code == 200, response.get_data(as_text=True)[-3000:]
        answer: dict[str, Any] = response.get_json()["response"]
        return answer

    def post(
        self,
        output: str,
        *,
        inputs: Mapping[str, Any],
        state: Mapping[str, Any],
        changed: Sequence[str] = (),
        every: Sequence[str] = (),
    ) -> Any:
        callback = next(
            c for c in self._callbacks if c["output"].lstrip(".").startswith(f"{output}.")
        )
        sent = [_filled(entry, inputs) for entry in callback["inputs"]]
        outputs = [_output(part, every) for part in callback["output"].strip(".").split("...")]
        body = {
            "output": callback["output"],
            "outputs": outputs if callback["output"].startswith("..") else outputs[0],
            "inputs": sent,
            "state": [_filled(entry, state) for entry in callback["state"]],
            "changedPropIds": list(changed) or [_name(sent[0])],
        }
        return self.client.post("/_dash-update-component", json=body)


def reply(
    visitor: Visitor, upload: bytes = b"", *, what: str = "answer", run: str, **query: Any
) -> dict[str, Any]:
    """The reply of the Predict page to a file that the browser posts."""
    response = visitor.client.post(
        f"/predict/{what}", data=upload, query_string={"run": run, **query}
    )
    assert response.status_code == 200, response.get_data(as_text=True)[:500]
    assert response.headers["Cache-Control"] == "no-store"
    told: dict[str, Any] = response.get_json()
    return told


def _filled(entry: Mapping[str, str], values: Mapping[str, Any]) -> Any:
    """One input or state of a callback as the front end sends it."""
    identity: Any = json.loads(entry["id"]) if entry["id"].startswith("{") else entry["id"]
    if isinstance(identity, dict) and ["ALL"] in identity.values():
        key, *more = (name for name, value in identity.items() if value == ["ALL"])
        return [
            {
                "id": {**identity, **(one if more else {key: one})},
                "property": entry["property"],
                "value": value,
            }
            for one, value in values[key]
        ]
    keys = [entry["id"], entry["property"]]
    if isinstance(identity, dict):
        keys += [identity.get("state", ""), identity.get("kept", "")]
    value = next((values[key] for key in keys if key in values), None)
    return {"id": identity, "property": entry["property"], "value": value}


def _output(text: str, every: Sequence[str]) -> Any:
    name, _, prop = text.rpartition(".")
    identity: Any = json.loads(name) if name.startswith("{") else name
    if isinstance(identity, dict) and ["ALL"] in identity.values():
        (key,) = identity
        return [{"id": {key: one}, "property": prop} for one in every]
    return {"id": identity, "property": prop}


def _name(sent: Any) -> str:
    one = sent[0] if isinstance(sent, list) else sent
    identity = one["id"]
    if isinstance(identity, dict):
        identity = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return f"{identity}.{one['property']}"


def as_node(component: object) -> Node:
    """A component object as the JSON that the browser would get."""
    return json.loads(to_json_plotly(component))


def walk(node: Node) -> Iterator[Node]:
    """Every component and text below `node`, in reading order."""
    if isinstance(node, list):
        for entry in node:
            yield from walk(entry)
    elif node is not None:
        yield node
        if isinstance(node, dict):
            yield from walk(node["props"].get("children"))


def words(node: Node) -> str:
    """All text of a page, titles and text for screen readers included, in one line."""
    found: list[str] = []
    for entry in walk(node):
        if isinstance(entry, dict):
            texts = [entry["props"].get(name) for name in _TEXT_PROPERTIES]
            found += [text for text in texts if isinstance(text, str) and text]
        else:
            found.append(str(entry))
    return " ".join(plain(" ".join(found)).split())


def visible(node: Node) -> str:
    """The text of a page that everybody sees, in one line."""
    said = " ".join(str(e) for e in walk(node) if not isinstance(e, dict))
    return " ".join(plain(said).split())


def find(node: Node, kind: str | None = None, **properties: Any) -> list[Node]:
    """Components of a type ("Button") with the given properties; a class name may be one of several."""
    return [
        entry
        for entry in walk(node)
        if isinstance(entry, dict)
        and (kind is None or entry["type"] == kind)
        and all(_has(entry["props"], name, value) for name, value in properties.items())
    ]


def _has(props: Mapping[str, Any], name: str, value: Any) -> bool:
    if name == "className":
        return value in str(props.get(name, "")).split()
    return bool(props.get(name) == value)


def table_rows(node: Node) -> list[list[str]]:
    """The body rows of an HTML table, each cell as its visible text."""
    (body,) = find(node, "Tbody")
    return [
        [
            visible(cell)
            for cell in walk(row)
            if isinstance(cell, dict) and cell["type"] in ("Th", "Td")
        ]
        for row in find(body, "Tr")
    ]


def picked(page: Node, key: str) -> Any:
    """The value of the control that keeps `key` in the URL."""
    (control,) = [
        entry
        for entry in walk(page)
        if isinstance(entry, dict)
        and isinstance(entry["props"].get("id"), dict)
        and entry["props"]["id"].get("state") == key
    ]
    return control["props"]["value"]
