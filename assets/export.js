// Downloads made in the browser: a table as CSV with n and interval columns, a figure as PNG or SVG.
// Buttons carry data-export; components/tables.py and components/graphs.py put them there. Other scripts save
// their files by `exports` too.

window.dash_clientside = window.dash_clientside || {};

window.dash_clientside.exports = (() => {
    // Figures are coloured by the style sheet, which a file does not have: paper and ink instead.
    const INK = "#1d2430", PAPER = "#ffffff";
    const WIDTH = 960, TITLE_ROOM = 56, SHARPNESS = 2;
    const LETTERS_A_LINE = 90;

    const text = (node) => (node ? node.textContent.replace(/\s+/g, " ").trim() : "");

    const fileName = (title, ending) =>
        (title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "export")
        + "." + ending;

    const save = (blob, name) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = name;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    };

    // "1,311" is a number to a spreadsheet only without its comma; what begins like a formula is none.
    const field = (value) => {
        const plain = /^\d{1,3}(,\d{3})+$/.test(value) ? value.replaceAll(",", "") : value;
        const safe = /^[=@\t\r]|^[+-](?![\d.])/.test(plain) ? "'" + plain : plain;
        return /[",\n]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
    };

    const csv = (rows) => rows.map((row) => row.map(field).join(",") + "\r\n").join("");

    // What is read of a cell: its lines apart, since a figure has its interval underneath.
    const words = (cell) => {
        const lines = [...cell.querySelectorAll("small, p, li, br")];
        lines.forEach((line) => line.before(" "));
        return text(cell);
    };

    const PARTS = { value: "(0-1)", low: "low", high: "high", n: "n", k: "count" };

    const csvOf = (table) => {
        const heads = [...table.querySelectorAll("thead th")].map(text);
        const rows = [...table.querySelectorAll("tbody tr")].map((row) => [...row.children]);
        const figure = (cell) => cell && cell.querySelector("[data-n]");
        const columns = heads.map((head, at) => {
            const figures = rows.map((row) => figure(row[at]));
            const parts = Object.keys(PARTS).filter((part) => figures.some((one) => one && part in one.dataset));
            return { head, at, parts };
        });
        const first = columns.flatMap(({ head, parts }) =>
            [head, ...parts.map((part) => `${head} ${PARTS[part]}`.trim())]);
        const body = rows.map((row) => columns.flatMap(({ at, parts }) => {
            if (!row[at]) return ["", ...parts.map(() => "")];
            const one = figure(row[at]);
            return [words(row[at].cloneNode(true)), ...parts.map((part) => (one && one.dataset[part]) || "")];
        }));
        return csv([first, ...body]);
    };

    const wrapped = (title) => {
        const lines = [""];
        for (const word of title.split(" ")) {
            if (lines.at(-1) && lines.at(-1).length + word.length > LETTERS_A_LINE) lines.push("");
            lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
        }
        return lines.map((line) => line.replace(/[<>&]/g, (c) => `&#${c.charCodeAt(0)};`)).join("<br>");
    };

    const pictureOf = async (graph, title, format) => {
        const { width, height } = graph.getBoundingClientRect();
        const shown = graph.layout;
        const layout = {
            ...shown,
            autosize: false,
            font: { ...shown.font, color: INK },
            paper_bgcolor: PAPER,
            plot_bgcolor: PAPER,
            title: { text: wrapped(title), x: 0.01, xanchor: "left", font: { size: 14, color: INK } },
            margin: { ...shown.margin, t: (shown.margin.t || 0) + TITLE_ROOM },
        };
        const size = { width: Math.max(width, WIDTH), height: height + TITLE_ROOM };
        const picture = await Plotly.toImage({ data: graph.data, layout, config: { displaylogo: false } },
            { format, ...size, scale: format === "png" ? SHARPNESS : 1 });
        const comma = picture.indexOf(",");
        const [kind, content] = [picture.slice(0, comma), picture.slice(comma + 1)];
        const type = kind.slice(5).split(";")[0];
        if (!kind.includes(";base64")) return new Blob([decodeURIComponent(content)], { type });
        return new Blob([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], { type });
    };

    document.addEventListener("click", async (event) => {
        const button = event.target.closest && event.target.closest("[data-export]");
        if (!button) return;
        const kind = button.dataset.export;
        const frame = button.closest(".export-frame");
        if (kind === "csv") {
            const table = frame.querySelector("table");
            const name = fileName(text(table.caption), "csv");
            save(new Blob([csvOf(table)], { type: "text/csv" }), name);
            return;
        }
        const graph = frame.querySelector(".js-plotly-plot");
        if (!graph || !window.Plotly) return;
        const part = frame.closest(".card") && frame.closest(".card").querySelector(".card-title");
        const section = frame.closest(".section");
        const title = text(part) || text(section && section.querySelector("h2")) || document.title;
        save(await pictureOf(graph, title, kind), fileName(title, kind));
    });

    return { csv, save };
})();
