// What a click chooses on Evaluate: it becomes a key of the address, and the server tells the rest.
// A cell is "truth~answer" (one of them may be empty), a slice "property~value", a threshold
// "class~probability". What is chosen and clicked again is not chosen any more.

window.dash_clientside = window.dash_clientside || {};

const WRONG = "wrong";

function cellWith(old, change) {
    const [truth, answer] = old && old.includes("~") ? old.split("~") : ["", ""];
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
            const only = id.only === WRONG;
            const again = slice === id.slice && (!only || cell === WRONG);
            next[1] = again ? null : id.slice;
            if (only) next[0] = again ? null : WRONG;
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
        else if (id.chip === "truth") next[0] = cellWith(cell, cell.split("~")[0] + "~");
        else if (id.chip === "answer") next[0] = cellWith(cell, "~" + cell.split("~")[1]);
        else if (id.chip === "wrong") next[0] = null;
        else if (id.chip === "slice") next[1] = null;
        else if (id.chip === "above") next[2] = null;
        return [...next.map((value) => value ?? ""), 1];
    },
};
