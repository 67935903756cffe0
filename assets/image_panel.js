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

    // The list that the panel was opened from; of an address that names the image, the first one with it. Of one that
    // scrolls most are not on the page: assets/scroller.js brings the next.
    let from = null;
    const listOf = (image) => {
        const scrolls = dash_clientside.scroller.find(image);
        if (scrolls) return scrolls;
        const tiles = [...document.querySelectorAll('#content button[id*="place"]')]
            .filter((button) => !button.closest("[role=dialog]")).map(openedBy).filter(Boolean);
        const mine = tiles.filter((one) => one.image === image);
        const list = (mine.find((one) => one.list === from) ?? mine[0])?.list;
        const images = tiles.filter((one) => one.list === list).map((one) => one.image);
        return { place: images.indexOf(image), count: images.length, images };
    };

    const propsOf = (id) => dash_clientside.address.propsOf(id);
    const open = (image) => dash_clientside.set_props(kept(), { data: image });

    const step = async (by) => {
        const now = propsOf(kept())?.data;
        const { list, place, count, images } = listOf(now);
        const to = place + by;
        if (place < 0 || to < 0 || to >= count) return;
        const next = list ? await list.image(to) : images[to];
        if (next && now === propsOf(kept())?.data) open(next);
    };

    // "Images like this one" on the page that lists them: another order of what is chosen. The panel closes, and the
    // list has the focus. (Before Dash, which would build the page anew from the address of the link.)
    let toList = false;
    document.addEventListener("click", (event) => {
        const asked = event.target.closest?.("#panel-alike");
        const sort = { page: "evaluate", state: "sort" };
        if (!asked || event.ctrlKey || event.metaKey || event.shiftKey || !propsOf(sort)) return;
        event.preventDefault();
        event.stopPropagation();
        const { page, kept: key } = kept();
        const like = propsOf({ page, kept: key }).data;
        dash_clientside.set_props({ page, kept: "like" }, { data: like });
        dash_clientside.set_props(sort, { value: "like" });
        open(""); // With the rest, so that it is one step to go back.
        toList = true;
        dash_clientside.set_props({ page, panel: "image" }, { opened: false });
    }, true);

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
            const { place, count } = listOf(image);
            const words = `image ${(place + 1).toLocaleString("en")} of ${count.toLocaleString("en")}`;
            return [String(place <= 0), String(place >= count - 1), words, place < 0];
        },
        // The panel closes: who went on through a list goes on in it from the image that was last looked at.
        closed: (opened) => {
            if (opened) return dash_clientside.no_update;
            const image = propsOf(kept())?.data;
            if (toList) {
                toList = false;
                const head = document.getElementById("gallery-head");
                const take = () => head.focus({ preventScroll: true });
                // The panel gives the focus back to the tile that opened it, once, a moment later.
                const given = ({ target }) => target.closest(".tile-open") && take();
                document.addEventListener("focusin", given);
                setTimeout(() => document.removeEventListener("focusin", given), 500);
                setTimeout(() => {
                    take();
                    const chosen = document.getElementById("evaluate-chosen"); // It stays in sight above.
                    head.style.scrollMarginTop = `calc(var(--bar) + ${chosen.offsetHeight + 16}px)`;
                    head.scrollIntoView({ block: "start" });
                }, 50);
                return dash_clientside.no_update;
            }
            const { list, place } = (image && dash_clientside.scroller.find(image)) || {};
            if (list) setTimeout(() => { // After the panel has given the focus back to what opened it.
                const held = document.activeElement;
                const again = propsOf(kept())?.data;
                if (!again && (held === document.body || list.box.contains(held))) list.hold(place);
            }, 50);
            return "";
        },
    };
})();
