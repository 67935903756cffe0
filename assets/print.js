// Figures keep the size of the screen when they are printed, and would be cut: before printing they are drawn
// for the paper, and after it for the screen again.

(() => {
    const PAPER_PX = 680, BESIDE_PX = 320, SMALLER = 0.68, LETTER_PX = 9;
    const onScreen = new Map();

    // The figure fills its frame, so all of them have to be that tall.
    const tall = (graph, height) => {
        for (const frame of [graph, graph.parentElement]) frame.style.height = height + "px";
        graph.closest(".figure").style.minHeight = height + "px";
    };

    window.addEventListener("beforeprint", () => {
        for (const graph of document.querySelectorAll(".js-plotly-plot")) {
            if (!graph.offsetParent || !graph.layout || onScreen.has(graph)) continue;
            onScreen.set(graph, { layout: { ...graph.layout }, height: graph.clientHeight });
            const layout = { ...graph.layout };
            const width = graph.closest(".columns") ? BESIDE_PX : PAPER_PX;
            // Of many rows the first; how many more there are is said below.
            const first = layout.meta?.on_paper;
            if (first) layout.yaxis = { ...layout.yaxis, autorange: false, range: [first.rows - 0.5, -0.5] };
            const height = Math.round(SMALLER * (first ? first.height_px : graph.clientHeight));
            tall(graph, height);
            const font = { ...layout.font, size: LETTER_PX };
            // Unlike relayout, this is done when it returns.
            Plotly.react(graph, graph.data, { ...layout, autosize: false, width, height, font });
        }
    });
    window.addEventListener("afterprint", () => {
        for (const [graph, { layout, height }] of onScreen) {
            tall(graph, height);
            Plotly.react(graph, graph.data, { ...layout, autosize: true, width: undefined, height });
            Plotly.Plots.resize(graph);
        }
        onScreen.clear();
    });
})();
