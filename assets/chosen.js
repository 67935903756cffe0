// What a click chooses on Evaluate: it becomes a key of the address, and the server tells the rest.
// A cell is "truth~answer" (one of them may be empty), with "wrong~" in front the wrong answers in it, a slice
// "property~value", a threshold
// "class~probability". What is chosen and clicked again is not chosen any more.
//
// Buttons are listened to here and not by Dash, which would note the click, ask for what follows from it, and ask
// again for every button that is drawn anew. The matrix is marked at once.

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
        for (const button of document.querySelectorAll("#evaluate-content .matrix button[id]")) {
            const on = isChosen(JSON.parse(button.id).cell, cell);
            button.classList.toggle("chosen", on);
            button.setAttribute("aria-pressed", on);
        }
    }

    const PAGE = "evaluate";
    const KEYS = ["cell", "slice", "above"];
    const propsOf = (id) => dash_component_api.getLayout(id)?.props;
    const kept = (key) => ({ page: PAGE, kept: key });
    const isKept = () => KEYS.map((key) => propsOf(kept(key))?.data || null);

    // Other images are chosen: the first page of them. What stays as it was is not set, since Dash draws again all that
    // hangs on what is set.
    function choose(next) {
        const old = isKept();
        const leaf = { page: PAGE, state: "leaf" };
        if (next.every((value, i) => (value || null) === old[i])) return;
        mark(next[0]);
        KEYS.forEach((key, i) => {
            if ((next[i] || null) !== old[i]) dash_clientside.set_props(kept(key), { data: next[i] || "" });
        });
        if (propsOf(leaf)?.value !== 1) dash_clientside.set_props(leaf, { value: 1 });
    }

    // What a button chooses that is called so, of what is chosen; undefined where it is none of these.
    function chosenBy(id, [cell, slice, above]) {
        if (id.cell !== undefined) return [cellWith(cell, id.cell), slice, above];
        if (id.slice !== undefined) {
            const only = id.only !== "all";
            const again = slice === id.slice && (!only || cell === id.only);
            return [only ? (again ? null : id.only) : cell, again ? null : id.slice, above];
        }
        if (id.least !== undefined) {
            const [name, percent] = ["class", "least"].map((asked) => propsOf({ asked })?.value);
            return [cell, slice, typeof percent === "number" ? `${name}~${Math.round(percent * 1e4) / 1e6}` : above];
        }
        const [, truth, answer] = read(cell);
        switch (id.chip) {
            case "all": return [null, null, null];
            case "truth": return [without(cell, 1), slice, above];
            case "answer": return [without(cell, 2), slice, above];
            case "wrong": return [truth || answer ? `${truth}~${answer}` : null, slice, above];
            case "slice": return [cell, null, above];
            case "above": return [cell, slice, null];
        }
    }

    document.addEventListener("click", ({ target }) => {
        const button = target.closest?.('#content button[id^="{"][id$="}"]');
        if (!button || button.disabled || window.location.pathname.split("/").pop() !== PAGE) return;
        const next = chosenBy(JSON.parse(button.id), isKept());
        if (next) choose(next);
    });

    return {
        // A click on a bar or on a point of a curve.
        point: (_clicks, drawn) => {
            // Figures that have just been drawn count as triggers too, without a click.
            const hit = dash_clientside.callback_context.triggered.find((one) => one.value);
            if (!hit) return;
            const id = JSON.parse(hit.prop_id.slice(0, hit.prop_id.lastIndexOf(".")));
            const [cell, slice, above] = isKept();
            const point = hit.value.points[0];
            const told = point.customdata;
            if (id.figure === "bars") choose([cellWith(cell, told[told.length - 1]), slice, above]);
            else if (typeof told === "number") {
                const figures = dash_clientside.callback_context.inputs_list[0];
                const at = figures.findIndex((one) => one.id.figure === id.figure);
                const name = drawn[at].data[point.curveNumber].name;
                // Rounded down, so that the image of the point itself is among them.
                choose([cell, slice, `${name}~${Math.floor(told * 1e6) / 1e6}`]);
            }
        },
        // The matrix was drawn anew, of what was chosen when it was asked for.
        mark: (_drawn, cell) => mark(cell),
        // What a click is about stands on the page: when that is painted, the rest is asked for. A tab in the background
        // paints nothing.
        painted: (shown) => new Promise((done) => {
            setTimeout(() => done(shown), 500);
            requestAnimationFrame(() => setTimeout(() => done(shown)));
        }),
    };
})();
