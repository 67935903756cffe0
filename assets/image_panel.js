// The panel of one image: a tile opens it, and from there one goes on through the list that the tile stands in, by
// buttons or arrow keys. Buttons are listened to here and not by Dash, which would ask again for every tile that is
// drawn anew. The open image is a key of the address.

window.dash_clientside = window.dash_clientside || {};

window.dash_clientside.image_panel = (() => {
    const kept = () => ({ page: window.location.pathname.split("/").pop() || "overview", kept: "image" });
    const isOpen = () => document.querySelector(".image-panel [role=dialog]");
    const openedBy = (button) => {
        const { image, place } = /^{[^{}]*}$/.test(button?.id) ? JSON.parse(button.id) : {};
        return image === undefined || place === undefined ? null : { image, list: place.replace(/-\d+$/, "") };
    };

    // The list that the panel was opened from; of an address that names the image, the first one with it.
    let from = null;
    const listOf = (image) => {
        const tiles = [...document.querySelectorAll('#content button[id*="place"]')].map(openedBy).filter(Boolean);
        const mine = tiles.filter((one) => one.image === image);
        const list = (mine.find((one) => one.list === from) ?? mine[0])?.list;
        return tiles.filter((one) => one.list === list).map((one) => one.image);
    };

    const open = (image) => dash_clientside.set_props(kept(), { data: image });

    const step = (by) => {
        const now = dash_component_api.getLayout(kept())?.props.data;
        const all = listOf(now);
        const next = all[all.indexOf(now) + by];
        if (next && all.includes(now)) open(next);
    };

    document.addEventListener("click", ({ target }) => {
        const button = target.closest?.("button[id]");
        if (!button) return;
        if (button.id === "panel-previous") step(-1);
        if (button.id === "panel-next") step(1);
        const opened = openedBy(button);
        if (!opened) return;
        if (!button.closest("[role=dialog]")) from = opened.list;
        open(opened.image);
    });

    document.addEventListener("keydown", (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        const held = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
        const used = event.target.closest?.("input, textarea, select, [role=slider], [role=radiogroup]");
        if (!by || held || used || event.defaultPrevented || !isOpen()) return;
        event.preventDefault();
        step(by);
    });

    return {
        // Of the panel that has just been filled: whether there is one before it and one after it, which it is, and
        // whether it is of a list at all. (No button is disabled: it would lose the focus.)
        steps: (_contents, [image]) => {
            const all = listOf(image);
            const at = all.indexOf(image);
            return [String(at <= 0), String(at === all.length - 1), `${at + 1} of ${all.length} shown`, at < 0];
        },
    };
})();
