// Figures keep the width of the screen when they are printed, and would be cut: before printing they are
// drawn at the width of the paper, and after it at that of the screen again.

(() => {
    const PAPER_PX = 680;
    const graphs = () => [...document.querySelectorAll(".js-plotly-plot")].filter((one) => one.offsetParent);
    window.addEventListener("beforeprint", () => graphs().forEach((graph) => {
        const column = graph.closest(".columns") ? PAPER_PX / 2 - 32 : PAPER_PX;
        Plotly.relayout(graph, { autosize: false, width: column });
    }));
    window.addEventListener("afterprint", () => graphs().forEach((graph) => {
        Plotly.relayout(graph, { autosize: true, width: null });
    }));
})();
