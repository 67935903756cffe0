// Dash asks for plotly.js when it draws the first figure, which is after the server has answered twice. A page that
// will have figures asks for it at once, so that it is read in while the server counts. Dash waits for what
// window.Plotly promises until the script puts itself there.
// tests/browser/test_quiet.py fails when Dash asks for it a second time.

addEventListener("DOMContentLoaded", () => {
    const src = document.body.dataset.plotly;
    if (!src) return;
    window.Plotly = new Promise((done, fail) => {
        const onerror = () => {
            delete window.Plotly;
            fail(new Error("plotly.js did not load"));
        };
        document.head.append(Object.assign(document.createElement("script"), { src, onload: done, onerror }));
    });
    window.Plotly.catch(() => {}); // Dash says it where a figure is missing; a page without one has lost nothing.
});
