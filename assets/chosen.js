// What a click chooses on Evaluate, and a cell on Compare: it becomes a key of the address, and the server tells the rest.
// A cell is "truth~answer" (one of them may be empty), with "wrong~" in front the wrong answers in it, a slice
// "property~value", a threshold "class~probability" ("any tumour" is a class there), how sure answers are "least~highest". What is chosen and
// clicked again is not chosen any more.
//
// Buttons are listened to here and not by Dash, which would note the click, ask for what follows from it, and ask
// again for every button that is drawn anew. The matrix is marked at once, and parts of the page that are still
// about something else are covered until they have followed (style.css).

window.dash_clientside = window.dash_clientside || {};

window.dash_clientside.chosen = (() => {
    const WRONG = "wrong";

    // "wrong~truth~answer" as [true, truth, answer].
    function read(cell) {
        const parts = cell && cell !== WRONG ? cell.split("~") : ["", ""];
        const wrong = parts.length === 3 && parts[0] === WRONG;
        return [wrong || cell === WRONG, ...(wrong ? parts.slice(1) : parts)];
    }

    // What stays of a cell without its truth (1) or its answer (2).
    function without(cell, part) {
        const [wrong, ...named] = read(cell);
        named[part - 1] = "";
        const rest = named[0] || named[1] ? named.join("~") : null;
        return wrong ? (rest ? `${WRONG}~${rest}` : WRONG) : rest;
    }

    function cellWith(old, change) {
        const [, truth, answer] = read(old);
        const [newTruth, newAnswer] = change.split("~");
        if (newTruth && newAnswer) return old === change ? null : change;
        const next = newTruth
            ? [newTruth === truth ? "" : newTruth, answer]
            : [truth, newAnswer === answer ? "" : newAnswer];
        return next[0] || next[1] ? next.join("~") : null;
    }

    // Whether the button of a cell, or of the name of a class, is among what `cell` chooses.
    function isChosen(button, cell) {
        const [wrong, truth, answer] = read(cell);
        const [itsTruth, itsAnswer] = button.split("~");
        if (!itsAnswer) return truth === itsTruth;
        if (!itsTruth) return answer === itsAnswer;
        return Boolean(cell) && (!truth || truth === itsTruth) && (!answer || answer === itsAnswer)
            && !(wrong && itsTruth === itsAnswer);
    }

    function mark(cell) {
        for (const button of document.querySelectorAll(".page .matrix button[id]")) {
            const on = isChosen(JSON.parse(button.id).cell, cell);
            button.classList.toggle("chosen", on);
            button.setAttribute("aria-pressed", on);
        }
    }

    const OF_PAGE = { evaluate: ["cell", "slice", "above", "sure"], compare: ["cell"] };
    const page = () => window.location.pathname.split("/").pop();
    const keys = () => OF_PAGE[page()] ?? [];
    const propsOf = (id) => dash_clientside.address.propsOf(id);
    const kept = (key) => ({ page: page(), kept: key });
    const state = (key) => ({ page: page(), state: key });
    const isKept = () => Object.fromEntries(keys().map((key) => [key, propsOf(kept(key))?.data || null]));

    // Parts say what they are about, in the order of choosing.shown; those that depend on less of it say less.
    function cover() {
        const { cell, ...others } = isKept();
        const of = ["run", "split"].map((key) => propsOf(state(key))?.value);
        const now = [...of, ...Object.values(others), cell].map((one) => one ?? "").join("|") + "|";
        wait((part) => !now.startsWith(part.dataset.shown + "|"));
    }

    // Nothing will follow: what stands there stays.
    const uncover = () => wait(() => false);

    // A part keeps its height while it is awaited, so that what comes in for it moves nothing before it is shown.
    function wait(awaited) {
        const parts = [...document.querySelectorAll(".page [data-shown]")];
        const changed = parts.filter((part) => part.hasAttribute("data-waits") !== awaited(part));
        const heights = changed.map((part) => part.getBoundingClientRect().height);
        changed.forEach((part, i) => {
            part.style.height = part.toggleAttribute("data-waits") ? `${heights[i]}px` : "";
        });
        coverAround();
    }

    function coverAround() {
        for (const block of document.querySelectorAll(".page > *")) {
            const waits = [...block.children].some((one) => one.hasAttribute("data-waits"));
            block.toggleAttribute("data-waits-within", waits);
        }
    }

    // Other images are chosen. What stays as it was is not set, since Dash draws again all that
    // hangs on what is set.
    function choose(next) {
        const old = isKept();
        const changed = keys().filter((key) => (next[key] || null) !== old[key]);
        if (!changed.length) return;
        mark(next.cell);
        for (const key of changed) dash_clientside.set_props(kept(key), { data: next[key] || "" });
        cover();
    }

    // Probabilities in the address are rounded down, so that the image of a point itself is among the chosen.
    const down = (probability) => Math.floor(probability * 1e6) / 1e6;
    const typed = (asked) => propsOf({ asked })?.value;
    const ofPercent = (percent) => Math.round(percent * 1e4) / 1e6;

    // What a button chooses that is called so, of what is chosen; undefined where it is none of these.
    function chosenBy(id, now) {
        if (id.cell !== undefined) return { ...now, cell: cellWith(now.cell, id.cell) };
        if (id.slice !== undefined) {
            const only = id.only !== "all";
            const again = now.slice === id.slice && (!only || now.cell === id.only);
            return {
                ...now,
                cell: only ? (again ? null : id.only) : now.cell,
                slice: again ? null : id.slice,
            };
        }
        if (id.least !== undefined) {
            const [name, percent] = [typed("class"), typed("least")];
            return typeof percent === "number" ? { ...now, above: `${name}~${ofPercent(percent)}` } : now;
        }
        if (id.sure !== undefined) {
            const ends = [typed("from"), typed("to")];
            if (!ends.every((end) => typeof end === "number")) return now;
            return { ...now, sure: ends.sort((a, b) => a - b).map(ofPercent).join("~") };
        }
        const [, truth, answer] = read(now.cell);
        switch (id.chip) {
            case "all": return {};
            case "truth": return { ...now, cell: without(now.cell, 1) };
            case "answer": return { ...now, cell: without(now.cell, 2) };
            case "wrong": return { ...now, cell: truth || answer ? `${truth}~${answer}` : null };
            case "cell":
            case "slice":
            case "above":
            case "sure": return { ...now, [id.chip]: null };
        }
    }

    document.addEventListener("click", ({ target }) => {
        const button = target.closest?.('#content button[id^="{"][id$="}"]');
        if (!button || button.disabled || !keys().length) return;
        const next = chosenBy(JSON.parse(button.id), isKept());
        if (next) choose(next);
    });

    // What a click on a point of a figure chooses; nothing where the point stands for no images.
    function chosenAt(figure, told, name, now) {
        if (figure === "bars") return { ...now, cell: cellWith(now.cell, told[told.length - 1]) };
        if (figure === "calibration" || figure === "risk-coverage") {
            const ends = figure === "calibration" ? told?.slice(3) : told && [told[0], 1];
            const sure = ends?.length === 2 ? ends.map(down).join("~") : now.sure;
            return { ...now, sure: sure === now.sure ? null : sure };
        }
        if (figure === "decision") return { ...now, above: told === now.above ? null : told };
        return typeof told === "number" ? { ...now, above: `${name}~${down(told)}` } : now;
    }

    // A part has followed: it is shown before it is painted.
    new MutationObserver(() => { if (keys().length) cover(); })
        .observe(document.documentElement, { subtree: true, attributeFilter: ["data-shown"] });

    return {
        // A click on a bar or on a point of a curve.
        point: (_clicks, drawn) => {
            // Figures that have just been drawn count as triggers too, without a click.
            const hit = dash_clientside.callback_context.triggered.find((one) => one.value);
            if (!hit) return;
            const { figure } = JSON.parse(hit.prop_id.slice(0, hit.prop_id.lastIndexOf(".")));
            const figures = dash_clientside.callback_context.inputs_list[0];
            const at = figures.findIndex((one) => one.id.figure === figure);
            const point = hit.value.points[0];
            choose(chosenAt(figure, point.customdata, drawn[at].data[point.curveNumber].name, isKept()));
        },
        // The matrix was drawn anew, of what was chosen when it was asked for.
        mark: (_drawn, cell) => mark(cell),
        cover,
        uncover,
        // What a click is about stands on the page: when that is painted, the rest is asked for. A tab in the background
        // paints nothing.
        painted: (shown) => new Promise((done) => {
            setTimeout(() => done(shown), 500);
            requestAnimationFrame(() => setTimeout(() => done(shown)));
        }),
    };
})();
