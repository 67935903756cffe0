"""`python -m benchmarks.bare_page PORT`: a Dash page with one graph, to compare ours with."""

from __future__ import annotations

import sys

import plotly.graph_objects as go
from dash import Dash, dcc, html
from flask_compress import Compress


def main(port: int) -> None:
    """Serve the page as ours is served: gunicorn, threads, compressed answers."""
    from gunicorn.app.base import BaseApplication

    # It would find ours, in the folder that it is started from.
    app = Dash("bare", include_assets_files=False)
    app.layout = html.Div(dcc.Graph(figure=go.Figure(go.Scatter(x=[1, 2, 3], y=[2, 1, 3]))))
    Compress(app.server)
    app.server.test_client().get("/_dash-dependencies")

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            self.cfg.set("bind", f"127.0.0.1:{port}")
            self.cfg.set("worker_class", "gthread")
            self.cfg.set("threads", 4)
            self.cfg.set("loglevel", "warning")

        def load(self) -> object:
            return app.server

    Server().run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
