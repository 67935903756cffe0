"""Time from choosing an image to its painted answer in the browser.

For the largest shipped model of those that give maps, map included, and for the largest of all.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.commands import MODELS
from brainmri import answer, asked, images, phantom, runs
from brainmri.errors import InputError
from tests.browser.driving import choose_file, find_chromium, go, launch, new_context
from tests.dashboard.serving import serving

REPETITIONS = 20
MOST_MS = {True: 250, False: 300}
"""Of the median with a map; of an answer without one."""

# Starts the clock when the page learns of the file and stops it in the frame after the one in which
# the new picture stands decoded, with its map where it has one, beside its verdict. The page's policy
# does not apply here.
_CLOCK = """
    const times = [];
    let begun = null, old = null;
    document.addEventListener("change", event => {
        if (event.target.type !== "file") return;
        begun = performance.now();
        old = document.querySelector("#predict-answer img.picture")?.src;
    }, true);
    new MutationObserver(async () => {
        const picture = document.querySelector("#predict-answer img.picture");
        if (begun === null || !picture || picture.src === old) return;
        const maps = [...document.querySelectorAll("#predict-answer img.map")];
        if ((WITH_MAPS && !maps.length) || !document.querySelector("#predict-answer .verdict")) return;
        const start = begun;
        begun = null;
        await Promise.all([picture, ...maps].map(one => one.decode()));
        requestAnimationFrame(() => requestAnimationFrame(() => {
            times.push(performance.now() - start);
            document.documentElement.dataset.times = JSON.stringify(times);
            document.documentElement.dataset.answers = times.length;
        }));
    }).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ["src"]});
"""


def main() -> None:
    """Time the usual number of answers."""
    run(REPETITIONS)


def run(repeats: int) -> None:
    """Time at least `REPETITIONS` answers and print their median and 95th percentile."""
    repeats = max(repeats, REPETITIONS)
    executable = find_chromium()
    if executable is None:
        print("predictor: skipped, there is no Chromium here")
        return
    models = MODELS
    for with_maps in (True, False):
        name, size_bytes = largest_model(models, with_maps=with_maps)
        if name is None:
            print(f"predictor: skipped, there is no such model in {models}")
            continue
        clock = _CLOCK.replace("WITH_MAPS", json.dumps(with_maps))
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            with serving(place / "site", models=models) as site, sync_playwright() as playwright:
                browser = launch(playwright, executable)
                context = new_context(browser)
                context.add_init_script(f"(() => {{{clock}}})()")
                page = context.new_page()
                go(page, f"{site.url}predict?run={name}")
                slices = answered_slices(models, name, repeats + 1)
                first, *others = time_answers(page, place, slices)
                context.close()
                browser.close()
        shown = "answer and map" if with_maps else "answer"
        print(
            f"predictor: {name} ({size_bytes / 1e6:.1f} MB), {repeats} images from drop to painted {shown}"
        )
        most = MOST_MS[with_maps]
        for what, measured in (
            ("median", float(np.percentile(others, 50))),
            ("95th percentile", float(np.percentile(others, 95))),
        ):
            verdict = "meets" if measured <= most else "misses"
            print(f"  {what:24} {measured:6.0f} ms  {verdict} at most {most} ms")
        print(f"  {'the very first':24} {first:6.0f} ms")


def largest_model(models: Path, *, with_maps: bool) -> tuple[str | None, int]:
    """The run with the largest model file and its bytes; `with_maps`: among those that give maps."""
    needed = [runs.MODEL_FILE, runs.RUN_FILE]
    if with_maps:  # Models that give an embedding give maps, too.
        needed.append(runs.EMBEDDING_FILE)
    sizes = {
        folder.name: (folder / runs.MODEL_FILE).stat().st_size
        for folder in runs.folders(models)
        if all((folder / name).is_file() for name in needed)
    }
    name = max(sizes, key=lambda run: sizes[run], default=None)
    return name, sizes.get(name or "", 0)


def answered_slices(models: Path, name: str, count: int) -> list[bytes]:
    """PNGs of different synthetic slices that the run `name` answers; it refuses some for their looks.

    Raises:
        InputError: the run answers hardly any.
    """
    predictor = answer.load(models, name)
    answered: list[bytes] = []
    for seed in range(10 * count):
        png = images.encode_png(phantom.draw(phantom.CLASSES[seed % 4], seed))
        if asked.ask(predictor, png).answer.finding is not None:
            answered.append(png)
        if len(answered) == count:
            return answered
    raise InputError(f"{name} answers {len(answered)} of {10 * count} synthetic slices.")


def time_answers(page: Page, folder: Path, slices: list[bytes]) -> list[float]:
    """Milliseconds of each answer, one after the other; equal slices would leave nothing to paint."""
    for i, png in enumerate(slices):
        path = folder / f"slice-{i}.png"
        path.write_bytes(png)
        choose_file(page, path)
        page.locator(f'html[data-answers="{i + 1}"]').wait_for(state="attached")
    times: list[float] = json.loads(page.locator("html").get_attribute("data-times") or "[]")
    return times


if __name__ == "__main__":
    main()
