// What a click chooses on Evaluate: it becomes a key of the address, and the server tells the rest.
// A cell is "truth~answer" (one of them may be empty), with "wrong~" in front the wrong answers in it, a slice
// "property~value", a threshold
// "class~probability". What is chosen and clicked again is not chosen any more.

window.dash_clientside = window.dash_clientside || {};

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

window.dash_clientside.chosen = {
    choose: (...values) => {
        const [drawn, asked, cell, slice, above] = values.slice(-5);
        const no = dash_clientside.no_update;
        // Buttons that have just been drawn count as triggers too, without a click.
        const hit = dash_clientside.callback_context.triggered.find((one) => one.value);
        if (!hit) return [no, no, no, no];
        const id = JSON.parse(hit.prop_id.slice(0, hit.prop_id.lastIndexOf(".")));
        let next = [cell, slice, above];
        if (id.cell !== undefined) next[0] = cellWith(cell, id.cell);
        else if (id.slice !== undefined) {
            const only = id.only !== "all";
            const again = slice === id.slice && (!only || cell === id.only);
            next[1] = again ? null : id.slice;
            if (only) next[0] = again ? null : id.only;
        } else if (id.figure !== undefined) {
            const point = hit.value.points[0];
            const told = point.customdata;
            if (id.figure === "bars") next[0] = cellWith(cell, told[told.length - 1]);
            else if (typeof told === "number") {
                const figures = dash_clientside.callback_context.inputs_list[3];
                const at = figures.findIndex((one) => one.id.figure === id.figure);
                const name = drawn[at].data[point.curveNumber].name;
                // Rounded down, so that the image of the point itself is among them.
                next[2] = `${name}~${Math.floor(told * 1e6) / 1e6}`;
            } else return [no, no, no, no];
        } else if (id.least !== undefined) {
            const [name, percent] = asked;
            if (typeof percent !== "number") return [no, no, no, no];
            next[2] = `${name}~${Math.round(percent * 1e4) / 1e6}`;
        } else if (id.chip === "all") next = [null, null, null];
        else if (id.chip === "truth") next[0] = without(cell, 1);
        else if (id.chip === "answer") next[0] = without(cell, 2);
        else if (id.chip === "wrong") {
            const [, truth, answer] = read(cell);
            next[0] = truth || answer ? `${truth}~${answer}` : null;
        }
        else if (id.chip === "slice") next[1] = null;
        else if (id.chip === "above") next[2] = null;
        // What is set once more as it was counts as new to Dash, which draws again all that hangs on it.
        const old = [cell, slice, above];
        return [...next.map((value, i) => ((value ?? "") === (old[i] ?? "") ? no : value ?? "")), 1];
    },
};
