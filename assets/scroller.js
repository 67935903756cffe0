// A list of pictures that scrolls in a box (dashboard/components/scroller.py), however long: only the rows near what is
// in sight are on the page. The scroll bar stands for all of them. The page brings the first tiles, which are React's;
// those before and after them are made here of what the server answers, and removed again when they are far. All tiles
// are of one height, so that a place can be reckoned and nothing moves.

window.dash_clientside = window.dash_clientside || {};

window.dash_clientside.scroller = (() => {
    const MOST_AT_ONCE = 60; // As the server answers at most.
    const KEPT = 240; // Tiles that are remembered around those on the page.
    const ROWS_BEYOND = 2; // Rows on the page above and below those in sight.
    const HIGHEST_PX = 8_000_000; // Browsers end somewhere above this; what is longer is scrolled in leaps.
    const ASK_AFTER_MS = 50, PLACE_AFTER_MS = 250, AGAIN_AFTER_MS = 5_000;
    const between = (least, value, most) => Math.max(least, Math.min(value, most));

    // A component of dash.html, as the server would send it to Dash, as an element.
    const SAME = { className: "class", tabIndex: "tabindex" };
    const build = (node) => {
        if (node === null || node === undefined || typeof node === "boolean") return "";
        if (typeof node !== "object") return String(node);
        const { children, style, id, disable_n_clicks: _, ...rest } = node.props;
        const element = document.createElement(node.type);
        if (id) element.id = typeof id === "object" ? JSON.stringify(id, Object.keys(id).sort()) : id;
        Object.assign(element.style, style);
        for (const [name, value] of Object.entries(rest)) {
            if (value !== null && value !== false) element.setAttribute(SAME[name] ?? name, value);
        }
        element.append(...[children].flat(Infinity).map(build));
        return element;
    };

    const placeOf = (tile) => Number(tile.getAttribute("aria-posinset")) - 1;
    const stopOf = (tile) => tile?.querySelector("button") ?? tile;
    const imageOf = (tile) => {
        const { id } = tile?.querySelector("button[id]") ?? {};
        return id ? JSON.parse(id).image : null;
    };

    class List {
        constructor(box) {
            this.box = box;
            this.list = box.querySelector(".scroller-list");
            [this.before, this.brought, this.after] = this.list.children;
            box.addEventListener("scroll", () => this.scrolled());
            box.addEventListener("keydown", (event) => this.pressed(event));
            box.addEventListener("focusin", ({ target }) => {
                const tile = target.closest("[role=listitem]");
                if (tile) this.active = placeOf(tile);
                this.stops();
            });
            this.resized = new ResizeObserver(() => this.draw(true));
            this.resized.observe(box);
        }

        // What the page says of the list, when it says anything new.
        take() {
            const { more, count, start, first } = this.box.dataset;
            const told = [more, count, start, first].join(" ");
            if (told === this.told) return;
            this.told = told;
            this.more = more;
            this.count = Number(count);
            this.start = Number(start);
            this.known = new Map();
            this.waiting = [];
            this.active = this.first = Number(first) - 1;
            this.offset = 0;
            this.asking?.abort();
            this.asking = null;
            this.before.replaceChildren();
            this.after.replaceChildren();
            this.brought.classList.remove("away");
            this.draw(true);
            this.tell();
        }

        // Columns and height of a row; false while the box is not shown.
        measure() {
            const tile = this.list.querySelector(".tile:not(.waiting)");
            if (!this.box.clientWidth || (!tile?.offsetHeight && !this.row)) return false;
            const style = getComputedStyle(this.list);
            this.columns = style.gridTemplateColumns.split(" ").length;
            if (tile?.offsetHeight) {
                this.tile = tile.offsetHeight;
                this.row = this.tile + (parseFloat(style.rowGap) || 0);
            }
            this.whole = Math.ceil(this.count / this.columns) * this.row;
            this.height = Math.min(this.whole, HIGHEST_PX);
            return true;
        }

        get top() { return this.box.scrollTop + this.offset; }

        set top(px) {
            const view = this.box.clientHeight;
            const at = between(0, px, Math.max(0, this.whole - view));
            const longer = this.whole > this.height;
            this.box.scrollTop = longer ? at / (this.whole - view) * (this.height - view) : at;
            this.last = this.box.scrollTop;
            this.offset = longer ? at - this.last : 0;
        }

        // Of a list that is longer than a page can be: the wheel moves as it does elsewhere, the bar over all of it.
        leap() {
            const now = this.box.scrollTop, view = this.box.clientHeight;
            const most = this.whole - this.height;
            if (most <= 0 || now === this.last) return;
            if (Math.abs(now - this.last) > 2 * view) {
                this.offset = now / (this.height - view) * (this.whole - view) - now;
            } else {
                const up = now < view ? Math.min(this.offset, this.height / 4) : 0;
                const down = now > this.height - 2 * view ? Math.min(most - this.offset, this.height / 4) : 0;
                if (up || down) this.box.scrollTop = now + up - down;
                this.offset += down - up;
            }
            this.last = this.box.scrollTop;
        }

        scrolled() {
            if (!this.frame) {
                this.frame = requestAnimationFrame(() => {
                    this.frame = null;
                    this.leap();
                    this.draw();
                    this.first = between(0, Math.round(this.top / this.row) * this.columns, this.count - 1);
                });
            }
            clearTimeout(this.later);
            this.later = setTimeout(() => this.tell(), PLACE_AFTER_MS);
        }

        // The address keeps the first image in sight.
        tell() {
            const page = window.location.pathname.split("/").pop() || "overview";
            const store = { page, kept: "first" };
            const said = this.first > 0 ? String(this.first + 1) : "";
            const now = dash_clientside.address.propsOf(store);
            if (this.box.isConnected && now && (now.data ?? "") !== said) dash_clientside.set_props(store, { data: said });
        }

        // Which tiles stand on the page: whole rows around what is in sight; `anew` where the box has another size.
        draw(anew = false) {
            if (!this.box.isConnected || !this.measure()) return;
            this.list.style.height = `${this.height - (this.row - this.tile)}px`;
            if (anew) this.top = Math.floor(this.first / this.columns) * this.row;
            const { columns, row, start } = this;
            const end = start + this.brought.children.length;
            const beyond = this.box.scrollTop ? ROWS_BEYOND : 1;
            let from = (Math.floor(this.top / row) - beyond) * columns;
            let to = (Math.floor((this.top + this.box.clientHeight) / row) + 1 + beyond) * columns;
            [from, to] = [between(0, from, this.count), between(0, to, this.count)];
            const near = from < end && to > start;
            if (near) [from, to] = [Math.min(from, Math.floor(start / columns) * columns), Math.max(to, end)];
            [this.from, this.to] = [from, to];
            this.leave(near ? [] : [...this.brought.children]);
            this.brought.classList.toggle("away", !near);
            const above = near ? start : to <= start ? to : from; // Where those that stand first end.
            this.fill(this.before, from, above);
            this.fill(this.after, near ? end : above, to);
            this.list.style.paddingTop = `${Math.floor(from / columns) * row - this.offset}px`;
            // What is half in sight counts at the top, what is a third in sight at the bottom.
            const least = Math.round(this.top / row), most = Math.floor((this.top + this.box.clientHeight) / row + 0.67);
            const last = Math.min(this.count, Math.max(most, least + 1) * columns);
            const [one, other, all] = [least * columns + 1, last, this.count].map((n) => n.toLocaleString("en"));
            const words = one === other ? `Image ${one} of ${all}` : `Images ${one} to ${other} of ${all}`;
            const said = this.box.nextElementSibling;
            if (said.textContent !== words) said.textContent = words;
            this.stops();
            const waited = this.isWaited && document.activeElement === this.box && this.tileAt(this.active);
            if (waited) {
                this.isWaited = false;
                stopOf(waited).focus({ preventScroll: true });
            }
            this.soon ??= setTimeout(() => { this.soon = null; this.ask(); }, ASK_AFTER_MS);
        }

        // The focus of a tile that goes stays with the list: keys lead on from there.
        leave(tiles) {
            const held = tiles.find((tile) => tile.contains(document.activeElement));
            if (!held) return;
            this.active = placeOf(held);
            this.box.focus({ preventScroll: true });
            this.isWaited = true;
        }

        fill(part, from, to) {
            const there = [...part.children];
            const gone = there.filter((tile) => placeOf(tile) < from || placeOf(tile) >= to);
            this.leave(gone);
            gone.forEach((tile) => tile.remove());
            let next = part.firstElementChild;
            for (let place = from; place < to; place += 1) {
                if (next && placeOf(next) === place) {
                    const now = next;
                    next = next.nextElementSibling;
                    if (now.classList.contains("waiting") && this.known.has(place)) now.replaceWith(build(this.known.get(place)));
                } else part.insertBefore(this.known.has(place) ? build(this.known.get(place)) : this.empty(place), next);
            }
        }

        empty(place) {
            const tile = document.createElement("div");
            tile.className = "tile waiting";
            tile.style.height = `${this.tile}px`;
            const said = { role: "listitem", "aria-posinset": place + 1, "aria-setsize": this.count, "aria-label": "Not here yet" };
            for (const [name, value] of Object.entries(said)) tile.setAttribute(name, value);
            return tile;
        }

        isHere(place) {
            const at = place - this.start;
            return this.known.has(place) || (at >= 0 && at < this.brought.children.length);
        }

        async ask() {
            if (!this.box.isConnected) return;
            const lacking = [];
            for (let place = this.from; place < this.to; place += 1) if (!this.isHere(place)) lacking.push(place);
            const { asking } = this;
            if (asking && (asking.start >= this.to || asking.end <= this.from)) {
                asking.abort();
                this.asking = null;
            }
            if (!lacking.length || this.asking) return;
            const asked = new AbortController();
            asked.start = lacking[0];
            asked.end = Math.min(this.count, lacking[0] + MOST_AT_ONCE, lacking.at(-1) + 1 + 4 * this.columns);
            this.asking = asked;
            const { more } = this;
            let nodes = null;
            try {
                const answer = await fetch(`${more}&start=${asked.start}&most=${asked.end - asked.start}`, { signal: asked.signal });
                if (!answer.ok) throw new Error(answer.statusText);
                nodes = await answer.json();
            } catch {
                if (asked.signal.aborted) return;
            }
            if (this.asking !== asked || more !== this.more) return;
            this.asking = null;
            if (!nodes) {
                setTimeout(() => this.ask(), AGAIN_AFTER_MS);
                return;
            }
            nodes.forEach((node, i) => this.known.set(asked.start + i, node));
            for (const place of this.known.keys()) {
                if (place < this.from - KEPT / 2 || place >= this.to + KEPT / 2) this.known.delete(place);
            }
            this.draw();
            this.waiting.splice(0).forEach((done) => done());
        }

        tileAt(place) {
            const tile = this.list.querySelector(`[aria-posinset="${place + 1}"]`);
            return tile && !tile.classList.contains("waiting") && tile.offsetHeight ? tile : null;
        }

        // One tile can be tabbed to: the last that had the focus, or the first in sight.
        stops() {
            const tiles = [...this.list.querySelectorAll(".tile:not(.waiting)")].filter((tile) => tile.offsetHeight);
            const now = tiles.find((tile) => placeOf(tile) === this.active)
                ?? tiles.find((tile) => placeOf(tile) >= Math.round(this.top / this.row) * this.columns) ?? tiles[0];
            for (const tile of tiles) stopOf(tile).tabIndex = tile === now ? 0 : -1;
        }

        bring(place) {
            if (!this.measure()) return;
            const at = Math.floor(place / this.columns) * this.row;
            const view = this.box.clientHeight;
            if (at < this.top) this.top = at;
            else if (at + this.tile > this.top + view) this.top = Math.max(0, Math.min(at, at + this.tile - view));
            this.draw();
        }

        // The focus goes to a tile, at once or as soon as it is there.
        hold(place) {
            this.bring(place);
            this.active = place;
            const tile = this.tileAt(place);
            this.isWaited = !tile;
            (tile ? stopOf(tile) : this.box).focus({ preventScroll: true });
        }

        pressed(event) {
            const held = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
            // The arrows of a panel that is just opening are its own.
            if (held || !this.row || document.querySelector(".image-panel [role=dialog]")) return;
            const rows = Math.max(1, Math.floor(this.box.clientHeight / this.row));
            const by = {
                ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns,
                PageDown: rows * this.columns, PageUp: -rows * this.columns, Home: -this.count, End: this.count,
            }[event.key];
            if (!by) return;
            const next = between(0, this.active + by, this.count - 1);
            if (next === this.active && !/Home|End|Page/.test(event.key)) return;
            event.preventDefault();
            this.hold(next);
        }

        // The path of an image of the list, which comes in sight.
        async image(place) {
            this.bring(place);
            this.active = place;
            while (this.box.isConnected && !this.tileAt(place)) {
                this.ask();
                await new Promise((done) => this.waiting.push(done));
            }
            return imageOf(this.tileAt(place));
        }
    }

    const lists = new Map();
    const look = () => {
        for (const [box, list] of lists) {
            if (box.isConnected) continue;
            list.resized.disconnect();
            lists.delete(box);
        }
        for (const box of document.querySelectorAll(".scroller")) {
            if (!lists.has(box)) lists.set(box, new List(box));
            lists.get(box).take();
        }
    };
    new MutationObserver(look).observe(document.documentElement, {
        childList: true, subtree: true, attributes: true, attributeFilter: ["data-more", "data-count", "data-start", "data-first"],
    });

    // The list that has an image, and where: the tile nearest to the one that was looked at last.
    const find = (image) => {
        for (const list of lists.values()) {
            if (!list.box.clientWidth) continue; // A list that is folded up.
            const tiles = [...list.list.querySelectorAll(".tile:not(.waiting)")].filter((tile) => imageOf(tile) === image);
            const places = tiles.map(placeOf).sort((one, other) => Math.abs(one - list.active) - Math.abs(other - list.active));
            if (places.length) return { list, place: places[0], count: list.count };
        }
        return null;
    };
    return { find };
})();
