// Downloads made in the browser: a table as CSV with n and interval columns, a figure as PNG or SVG.
// Buttons carry data-export; components/exports.py puts them there. What a picture is about (run, images, n)
// stands in data-about of the part around it. Other scripts save their files by `exports` too.

window.dash_clientside = window.dash_clientside || {};

window.dash_clientside.exports = (() => {
    // Figures are coloured by the style sheet, which a file does not have: paper and ink instead.
    const INK = "#1d2430", SOFT_INK = "#545d6b", GRID = "#e8ebef", PAPER = "#ffffff";
    const WIDTH = 960, NARROWEST = 640, EDGE = 16, SHARPNESS = 2;
    const LEGEND = { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal" };
    const TITLE_PX = 14, ABOUT_PX = 12, LINE_PX = 19, LEGEND_ROOM = 12;
    const LETTER_PX = 7.5; // So wide are the letters of a title on average, or less.

    const JOINER = "\u2060"; // What holds an interval on one line (brainmri/wording.py) is nothing to a file.

    const text = (node) => (node ? node.textContent.replace(/\s+/g, " ").trim() : "");

    const MOST_LETTERS = 100;

    // A title as the name of a file, cut between two words where it is long.
    const fileName = (title, ending) => {
        const name = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
        const cut = name.length > MOST_LETTERS ? name.slice(0, MOST_LETTERS + 1).replace(/-[^-]*$/, "") : name;
        return `${cut || "export"}.${ending}`;
    };

    const save = (blob, name) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = name;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    };

    // "1,311" is a number to a spreadsheet only without its comma; what begins like a formula is none.
    const field = (told) => {
        const value = told.replaceAll(JOINER, "");
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

    // The table as it is read: where counts and shares are both there, one of them is hidden (style.css).
    const csvOf = (whole) => {
        const hidden = whole.closest('[data-show="share"]') ? ".as-count" : ".as-share";
        const table = whole.cloneNode(true);
        table.querySelectorAll(hidden).forEach((one) => one.remove());
        const heads = [...[...table.tHead.rows].at(-1).cells].map(text);
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

    const escaped = (words) => words.replaceAll(JOINER, "").replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);

    const wrapped = (words, width) => {
        const lines = [""];
        for (const word of words.split(" ")) {
            if (lines.at(-1) && (lines.at(-1).length + word.length) * LETTER_PX > width - 2 * EDGE) lines.push("");
            lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
        }
        return lines.filter(Boolean).map(escaped);
    };

    // The lines above a picture: its finding, and in small print what it is about.
    const headOf = (frame, width) => {
        const part = frame.closest(".card") && frame.closest(".card").querySelector(".card-title");
        const section = frame.closest(".section");
        const own = frame.closest("figure") && frame.closest("figure").querySelector("figcaption strong");
        const stated = frame.closest("[data-finding]");
        const whole = (stated && stated.dataset.finding) || text(part) || text(section && section.querySelector("h2"))
            || document.title;
        const title = own ? `${whole}: ${text(own)}` : whole;
        const about = frame.closest("[data-about]");
        const lines = wrapped(title, width), small = wrapped(about ? about.dataset.about : "", width);
        return { title, lines, small, room: (lines.length + small.length) * LINE_PX + EDGE };
    };

    const pictureOf = async (graph, frame, format) => {
        const { width, height } = graph.getBoundingClientRect();
        const wide = Math.max(width, WIDTH), { lines, small, room } = headOf(frame, wide);
        // Names of colours that stand beside a figure on the page stand in its picture.
        const beside = frame.closest(".section") && frame.closest(".section").querySelector(".legend");
        const shown = beside ? { ...graph.layout, showlegend: true, legend: LEGEND } : graph.layout;
        const above = room + (shown.showlegend ? LEGEND_ROOM : 0);
        const axes = Object.keys(shown).filter((key) => /^[xy]axis\d*$/.test(key));
        const layout = {
            ...shown,
            ...Object.fromEntries(axes.map((key) => [key, { ...shown[key], gridcolor: GRID }])),
            // Names inside a figure lie on its ground, which is the page's there.
            annotations: (shown.annotations || []).map((one) => ({ ...one, bgcolor: PAPER })),
            autosize: false,
            font: { ...shown.font, color: INK },
            paper_bgcolor: PAPER,
            plot_bgcolor: PAPER,
            title: {
                text: [...lines, ...small.map((line) =>
                    `<span style="font-size:${ABOUT_PX}px;color:${SOFT_INK}">${line}</span>`)].join("<br>"),
                x: EDGE / wide, xanchor: "left", y: 1 - EDGE / (height + above), yanchor: "top", yref: "container",
                font: { size: TITLE_PX, color: INK },
            },
            margin: { ...shown.margin, t: (shown.margin.t || 0) + above },
        };
        const size = { width: wide, height: height + above };
        const picture = await Plotly.toImage({ data: graph.data, layout, config: { displaylogo: false } },
            { format, ...size, scale: format === "png" ? SHARPNESS : 1 });
        const comma = picture.indexOf(",");
        const [kind, content] = [picture.slice(0, comma), picture.slice(comma + 1)];
        const type = kind.slice(5).split(";")[0];
        if (!kind.includes(";base64")) return new Blob([decodeURIComponent(content)], { type });
        return new Blob([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], { type });
    };

    // Colours of the light page and room as on a desk, whatever the page has; nothing is painted before they are
    // put back.
    const onPaper = (node, made) => {
        const root = document.documentElement, scheme = "data-mantine-color-scheme";
        const before = root.getAttribute(scheme);
        root.setAttribute(scheme, "light");
        node.classList.add("as-picture");
        try {
            return made();
        } finally {
            node.classList.remove("as-picture");
            if (before !== null) root.setAttribute(scheme, before);
        }
    };

    // A colour as other programs know it: its opacity apart.
    const filled = (colour) => {
        const [red, green, blue, opacity = 1] = colour.match(/[\d.]+/g) || [0, 0, 0, 0];
        return +opacity ? `fill="rgb(${red},${green},${blue})" fill-opacity="${opacity}"` : "";
    };

    // The lines of a text as they stand on the page: [words, rectangle] each.
    const linesOf = (node) => {
        const range = document.createRange(), lines = [];
        for (const word of node.data.matchAll(/[^ \t\r\n]+/g)) {
            range.setStart(node, word.index);
            range.setEnd(node, word.index + word[0].length);
            const box = range.getBoundingClientRect(), last = lines.at(-1);
            if (last && Math.abs(last.top - box.top) < 2) Object.assign(last, { words: `${last.words} ${word[0]}`, right: box.right });
            else if (box.width) lines.push({ words: word[0], left: box.left, right: box.right, top: box.top });
        }
        return lines;
    };

    const ANCHORS = { center: "middle", right: "end", end: "end" };

    const textOf = (node, left, top, pen) => {
        const style = getComputedStyle(node.parentElement), around = node.parentElement.getBoundingClientRect();
        const anchor = ANCHORS[style.textAlign] || "start";
        // Not `style.font`, which is empty where figures are tabular.
        pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
        const rise = pen.measureText("x").fontBoundingBoxAscent;
        return linesOf(node).map((line) => {
            const cut = style.textOverflow === "ellipsis" && line.right > around.right + 1;
            const ends = cut ? [around.left, around.right] : [line.left, line.right];
            const x = { start: ends[0], middle: (ends[0] + ends[1]) / 2, end: ends[1] }[anchor] - left;
            const narrowed = cut ? ` textLength="${ends[1] - ends[0]}" lengthAdjust="spacingAndGlyphs"` : "";
            return `<text x="${x.toFixed(1)}" y="${(line.top - top + rise).toFixed(1)}" text-anchor="${anchor}" `
                + `font-size="${style.fontSize}" font-weight="${style.fontWeight}" ${filled(style.color)}${narrowed}>`
                + `${escaped(line.words)}</text>`;
        }).join("");
    };

    // A picture, or one that lies over it and is cut at its edges.
    const imageOf = (one, box, opacity, left, top) => {
        const edge = (one.closest(".stage") || one).getBoundingClientRect();
        return `<svg x="${edge.left - left}" y="${edge.top - top}" width="${edge.width}" height="${edge.height}">`
            + `<image x="${box.left - edge.left}" y="${box.top - edge.top}" width="${box.width}" height="${box.height}" `
            + `opacity="${opacity}" preserveAspectRatio="none" href="${escaped(one.src)}"/></svg>`;
    };

    // What stands on the page as an SVG of boxes, words and pictures, which any program opens: read off the
    // page, so that a matrix is not drawn a second time.
    const drawingOf = (node, frame) => {
        const { left, top, width, height } = node.getBoundingClientRect();
        const wide = Math.max(width + 2 * EDGE, NARROWEST), { lines, small, room } = headOf(frame, wide);
        const pen = document.createElement("canvas").getContext("2d");
        const walker = document.createTreeWalker(node, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
        const parts = [];
        for (let one = walker.nextNode(); one; one = walker.nextNode()) {
            if (one.nodeType === Node.TEXT_NODE) {
                if (!one.parentElement.closest(".visually-hidden")) parts.push(textOf(one, left, top, pen));
                continue;
            }
            const box = one.getBoundingClientRect(), style = getComputedStyle(one);
            if (!box.width || style.opacity === "0") continue;
            const place = `x="${box.left - left}" y="${box.top - top}" width="${box.width}" height="${box.height}"`;
            const fill = filled(style.backgroundColor);
            if (fill) parts.push(`<rect ${place} rx="${parseFloat(style.borderRadius) || 0}" ${fill}/>`);
            if (one.classList.contains("chosen"))
                parts.push(`<rect ${place} rx="4" fill="none" stroke="${INK}" stroke-width="2"/>`);
            if (one.tagName === "IMG") parts.push(imageOf(one, box, style.opacity, left, top));
        }
        const head = [
            ...lines.map((line) => `font-size="${TITLE_PX}" fill="${INK}">${line}`),
            ...small.map((line) => `font-size="${ABOUT_PX}" fill="${SOFT_INK}">${line}`),
        ].map((line, at) => `<text x="${EDGE}" y="${EDGE + 4 + at * LINE_PX}" ${line}</text>`);
        const high = height + room + 2 * EDGE;
        const family = escaped(getComputedStyle(node).fontFamily);
        return {
            wide, high,
            svg: `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}" viewBox="0 0 ${wide} ${high}" `
                + `font-family="${family}"><rect width="100%" height="100%" fill="${PAPER}"/>${head.join("")}`
                + `<g transform="translate(${EDGE} ${room + EDGE / 2})">${parts.join("")}</g></svg>`,
        };
    };

    const drawn = async (node, frame, format) => {
        const { svg, wide, high } = onPaper(node, () => drawingOf(node, frame));
        if (format === "svg") return new Blob([svg], { type: "image/svg+xml" });
        const picture = new Image();
        picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
        await picture.decode();
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [wide * SHARPNESS, high * SHARPNESS];
        canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
        return new Promise((done) => { canvas.toBlob(done, "image/png"); });
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
        const graph = frame.querySelector(".js-plotly-plot"), seen = frame.querySelector(".matrix, .drawn");
        const picture = graph && window.Plotly ? pictureOf(graph, frame, kind) : seen && drawn(seen, frame, kind);
        // Pictures of one section have one title: what each is about tells them apart.
        const name = seen && seen.matches(".drawn") ? seen.closest("[data-about]").dataset.about : headOf(frame, WIDTH).title;
        if (picture) save(await picture, fileName(name, kind));
    });

    return { csv, save };
})();
