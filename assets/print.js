// What style_print.css cannot do. Figures keep the size of the screen when they are printed, and would be cut: before
// printing they are drawn for the paper, and after it for the screen again. What is folded unfolds, since nobody
// clicks on paper.

(() => {
    const PAPER_PX = 680, BESIDE_PX = 320, SMALLER = 0.68, LETTER_PX = 9;
    const onScreen = new Map();
    const undo = [];

    const unfold = () => {
        for (const folded of document.querySelectorAll(":is(.reasons, .fold):not([open])")) {
            folded.open = true;
            undo.push(() => { folded.open = false; });
        }
    };

    // What it is and when it was printed, since paper outlives what the page says.
    const dated = () => {
        const line = document.createElement("p");
        const now = new Date().toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
        line.className = "printed";
        line.textContent = `${document.querySelector(".brand").textContent} · printed ${now}`;
        document.querySelector(".page-head")?.prepend(line);
        undo.push(() => line.remove());
    };

    // The figure fills its frame, so all of them have to be that tall.
    const tall = (graph, height) => {
        for (const frame of [graph, graph.parentElement]) frame.style.height = height + "px";
        graph.closest(".figure").style.minHeight = height + "px";
    };

    window.addEventListener("beforeprint", () => {
        if (undo.length) return;
        unfold();
        dated();
        for (const graph of document.querySelectorAll(".js-plotly-plot")) {
            if (!graph.offsetParent || !graph.layout || onScreen.has(graph)) continue;
            onScreen.set(graph, { layout: { ...graph.layout }, height: graph.clientHeight });
            const layout = { ...graph.layout };
            const width = graph.closest(".columns") ? BESIDE_PX : PAPER_PX;
            // Of many rows the first, each named in one line; how many more there are is said below.
            const rows = layout.meta?.on_paper;
            if (rows) {
                layout.yaxis = { ...layout.yaxis, autorange: false, range: [rows.count - 0.5, -0.5] };
                layout.margin = { ...layout.margin, ...rows.margin };
                layout.annotations = layout.annotations.map((one) => one.yref === "paper"
                    ? { ...one, text: one.text.replaceAll("<br>", " ") }
                    : { ...one, text: rows.names[one.y] ?? "", yshift: rows.above_px });
            }
            const height = rows ? rows.height_px : Math.round(SMALLER * graph.clientHeight);
            tall(graph, height);
            const font = { ...layout.font, size: LETTER_PX };
            for (const axis of ["xaxis", "yaxis"]) {
                const title = layout[axis]?.title;
                if (title?.text) layout[axis] = { ...layout[axis], title: { ...title, font } };
            }
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
        for (const back of undo.splice(0)) back();
    });
})();
