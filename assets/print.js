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
            const layout = { ...graph.layout };
            onScreen.set(graph, { layout, height: graph.clientHeight });
            const width = graph.closest(".columns") ? BESIDE_PX : PAPER_PX;
            const height = Math.round(SMALLER * graph.clientHeight);
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
