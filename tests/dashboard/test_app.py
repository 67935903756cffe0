"""`dashboard.app`: addresses, status codes, headers, and what the process may import."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from brainmri import images
from tests.conftest import ROOT
from tests.dashboard.results import HASTY
from tests.dashboard.serving import own_environment
from tests.dashboard.visit import Visitor, find, visible

KNOWN = "Testing/glioma/glioma-0000.png"
LATER = ["onnxruntime", "pandas", "pydicom", "sqlalchemy"]
FORBIDDEN = ("torch", "torchvision", "sklearn", "scipy", "onnx", "tqdm", "celery", "kombu", "redis")


# Addresses


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("path", ["/", "/data", "/evaluate", "/compare", "/predict"])
def test_a_page_answers_200(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert '<html lang="en">' in response.text
    assert "<title>Brain MRI</title>" in response.text


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/evaluate/deeper", "/index.html", "/image", "/image/", "/example", "/EVALUATE",
     "/.env", "/models/dataset/index.parquet", "/assets/../pyproject.toml", "/assets/none.css",
     "/%2e%2e/pyproject.toml", "/example/4.png", "/example/-1.png", "/example/x.png"],
)  # fmt: skip
def test_an_unknown_address_answers_404(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/report/nobody.html", "/report/nobody.pdf", "/download/none.csv", "/image/none.png",
     "/example/9.png", "/assets/none.css"],
)  # fmt: skip
def test_who_opens_an_unknown_address_sees_a_page_of_the_dashboard(
    client: FlaskClient, visitor: Visitor, path: str
) -> None:
    answer = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == 404
    assert "<title>Brain MRI</title>" in answer.text
    assert answer.headers["Content-Security-Policy"] == client.get("/").headers[
        "Content-Security-Policy"
    ]  # fmt: skip
    shown = visitor.open(path)
    assert "There is no" in visible(shown)
    assert find(shown, "Link", href="/")


@pytest.mark.usefixtures("shown")
def test_a_page_with_a_slash_behind_it_is_the_same_page_or_unknown_but_not_both(
    visitor: Visitor,
) -> None:
    found = visitor.client.get("/evaluate/").status_code in (200, 301, 302, 308)
    shows_the_page = "One run in depth" in str(visitor.open("/evaluate/"))
    assert found == shows_the_page


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", f"/image/{KNOWN}", "/example/0.png"])
def test_a_wrong_method_is_refused(client: FlaskClient, method: str, path: str) -> None:
    assert client.open(path, method=method).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/_dash-component-suites/dash/deps/x.js",
        "/_dash-component-suites/nothing/x.js",
        "/_dash-component-suites/dash/../../app.py",
    ],
)
def test_a_script_that_there_is_not_answers_404(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("output", ["..a.b...c.d..", "page.children", "..nothing.children.."])
def test_a_callback_that_no_page_asks_for_is_refused_and_not_a_fault(
    client: FlaskClient, output: str, caplog: pytest.LogCaptureFixture
) -> None:
    known = [one["output"] for one in client.get("/_dash-dependencies").json or []]
    for name in (output, known[0], known[-1]):
        empty: dict[str, list[str]] = {"outputs": [], "inputs": [], "changedPropIds": []}
        answer = client.post("/_dash-update-component", json={"output": name, **empty})
        assert 400 <= answer.status_code < 500, name
        assert "Traceback" not in answer.get_data(as_text=True)
    assert all(record.exc_info is None for record in caplog.records)


def test_the_page_embeds_no_results(client: FlaskClient, shown: Path) -> None:
    assert HASTY not in client.get("/").text
    assert str(shown) not in client.get("/").text


# Images


@pytest.mark.usefixtures("shown", "pictures")
def test_an_indexed_image_is_served_as_a_thumbnail(client: FlaskClient) -> None:
    response = client.get(f"/image/{KNOWN}")
    assert response.status_code == 200
    assert response.mimetype == "image/png"
    assert "private" in response.headers["Cache-Control"]
    assert max(images.decode(response.data).pixels.shape) <= 320


@pytest.mark.usefixtures("shown", "pictures")
@pytest.mark.parametrize(
    "path",
    [
        "../../../../../../etc/passwd",
        "../models/hasty/run.json",
        "Testing/../../data/Testing/glioma/glioma-0000.png",
        "Testing/../Testing/glioma/glioma-0000.png",
        "./Testing/glioma/glioma-0000.png",
        "Testing//glioma/glioma-0000.png",
        "/etc/passwd",
        "//etc/passwd",
        "%2Fetc%2Fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%252e%252e%252fetc%252fpasswd",
        "Testing/glioma/glioma-0000.png%00.jpg",
        "Testing\\glioma\\glioma-0000.png",
        "TESTING/glioma/glioma-0000.png",
        "Testing/glioma",
        "Testing/glioma/",
        "Testing/glioma/glioma-9999.png",
        "index.parquet",
    ],
)
def test_nothing_but_indexed_images_is_served(client: FlaskClient, path: str) -> None:
    response = client.get(f"/image/{path}")
    assert response.status_code == 404
    assert "root:" not in response.text


@pytest.mark.usefixtures("shown")
def test_an_image_beside_the_indexed_ones_is_not_served(
    client: FlaskClient, own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINMRI_DATA", str(own_data))
    (own_data / "Testing/glioma/private.png").write_bytes((own_data / KNOWN).read_bytes())
    (own_data / "notes.txt").write_text("secret")
    assert client.get(f"/image/{KNOWN}").status_code == 200
    assert client.get("/image/Testing/glioma/private.png").status_code == 404
    assert client.get("/image/notes.txt").status_code == 404


@pytest.mark.usefixtures("shown")
def test_without_the_data_folder_no_image_is_served(client: FlaskClient) -> None:
    assert client.get(f"/image/{KNOWN}").status_code == 404


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("number", range(4))
def test_the_examples_are_pictures(client: FlaskClient, number: int) -> None:
    response = client.get(f"/example/{number}.png")
    assert response.mimetype == "image/png"
    assert images.decode(response.data).pixels.size > 0


# Limits and headers


@pytest.mark.usefixtures("shown")
def test_a_request_past_the_limit_answers_413(client: FlaskClient) -> None:
    limit = client.application.config["MAX_CONTENT_LENGTH"]
    assert limit == 30_000_000
    response = client.post(
        "/_dash-update-component", data=b"x" * (limit + 1), content_type="application/json"
    )
    assert response.status_code == 413


@pytest.mark.usefixtures("shown", "pictures")
@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/_dash-layout", "/_dash-dependencies", f"/image/{KNOWN}",
             "/image/none.png", "/example/0.png", "/assets/style.css"],
)  # fmt: skip
def test_every_answer_forbids_what_the_pages_do_not_need(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        headers = response.headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'self'"
    for forbidden in ("'unsafe-inline'", "'unsafe-eval'", "http:", "https:", "*"):
        assert forbidden not in policy["script-src"].split()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_too_large_a_request_is_answered_with_the_headers_too(client: FlaskClient) -> None:
    response = client.post("/_dash-update-component", data=b"x" * 30_000_001)
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_text_is_compressed_for_browsers_that_can_read_it(client: FlaskClient) -> None:
    headers = {"Accept-Encoding": "gzip"}
    assert client.get("/_dash-layout", headers=headers).headers.get("Content-Encoding") == "gzip"


def test_the_style_sheet_loads_nothing_from_elsewhere() -> None:
    for path in (ROOT / "assets").glob("*.css"):
        assert not re.search(r"@import|https?:|url\(\s*['\"]?//", path.read_text())


def test_the_list_of_callbacks_is_whole(visitor: Visitor) -> None:
    outputs = " ".join(c["output"] for c in visitor.client.get("/_dash-dependencies").get_json())
    for name in ("average-images", "evaluate-content", "evaluate-chosen", "predict-answer",
                 "predict-one", "address", "_pages_content"):  # fmt: skip
        assert name in outputs


# Imports


@pytest.fixture
def python(tmp_path: Path, made_models: Path) -> Callable[[str], str]:
    """Runs code in a process of its own, whose home and temporary folder is `tmp_path`."""

    def run(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**own_environment(tmp_path, tmp_path), "BRAINMRI_MODELS": str(made_models)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


EVERYTHING = f"""
from dashboard.app import server
from tests.dashboard.serving import own_environment
from tests.dashboard.visit import Visitor, words
visitor = Visitor(server.test_client())
for address in ("/", "/data", "/evaluate?cell=glioma~notumor", "/predict"):
    visitor.open(address)
shown = visitor.client.post("/predict/answer?run={HASTY}&example=0").get_json()
print(words(shown["answer"]))
"""


def test_the_dashboard_imports_nothing_that_only_training_and_indexing_need(
    python: Callable[[str], str],
) -> None:
    loaded = python(
        "import sys, dashboard.app, dashboard.__main__; "
        f"print(*sorted({{name.split('.')[0] for name in sys.modules}} & {set(FORBIDDEN)}))"
    )
    assert loaded == ""


def test_the_first_request_waits_for_nothing_that_only_pages_need(
    python: Callable[[str], str],
) -> None:
    loaded = python(
        "import sys, dashboard.app, dashboard.__main__; "
        "assert dashboard.app.server.test_client().get('/').status_code == 200; "
        f"print(*sorted(set(sys.modules) & {set(LATER)}))"
    )
    assert loaded == ""


def test_every_page_and_the_predictor_work_where_those_are_not_installed(
    python: Callable[[str], str],
) -> None:
    blocked = f"import sys\nfor name in {FORBIDDEN}:\n    sys.modules[name] = None\n"
    assert "Tumour probability" in python(blocked + EVERYTHING)


def test_no_page_loads_what_reads_data_sets_of_many_files(python: Callable[[str], str]) -> None:
    said = python(EVERYTHING + "import sys; print('pyarrow.dataset' in sys.modules)")
    assert said.endswith("\nFalse")


def test_no_page_waits_for_a_database_before_anybody_corrects(
    python: Callable[[str], str],
) -> None:
    pages = EVERYTHING.replace('"/data"', '"/data", "/review", "/bring"')
    said = python(pages + "import sys; print('sqlalchemy' in sys.modules)")
    assert said.endswith("\nFalse")


def test_arrow_keeps_no_memory_of_its_own(python: Callable[[str], str]) -> None:
    said = python(
        "import dashboard.app, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    )
    assert said == "system"


def test_showing_every_page_and_answering_leaves_no_file_behind(
    python: Callable[[str], str], tmp_path: Path
) -> None:
    # ONNX Runtime, for one, keeps a device number and a database of what it would like to send.
    assert "Tumour probability" in python(EVERYTHING)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_import_rules_hold(tmp_path: Path) -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [lint, "--config", ROOT / "pyproject.toml", "--cache-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
