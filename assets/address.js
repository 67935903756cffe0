// The address holds the state of the page. It changes without a request, and going back lets Dash build
// the page from the address again.

window.dash_clientside = window.dash_clientside || {};

// The address that the choices on the page are known to agree with.
let agreed = null;

// Of a component; undefined where the page has none of this id. Dash throws where it had one: a late answer may come when
// its page has been left.
function propsOf(id) {
    try {
        return dash_component_api.getLayout(id)?.props;
    } catch {
        return undefined;
    }
}

// The page that stands while the one of another address is awaited: what comes in for it until then is no choice.
let leaving = null;
const standing = () => propsOf("page")?.["data-built"] ?? null;

// An answer that comes when its page has been left is about what is not asked for any more; on the next page of the same
// parts it would stand under another name. The next page itself is an answer too, which the page that is left awaits.
const fetched = window.fetch;
window.fetch = async (to, options) => {
    const asked = String(to).includes("_dash-update-component") && !/^.{0,40}_pages_content/.test(options?.body);
    const by = asked ? standing() : null;
    const answer = await fetched(to, options);
    return by === null || by === standing() ? answer : new Response(null, { status: 204 }); // Dash changes nothing then.
};

// The last choice: its key and when it was made. A slider that is dragged makes many in a row.
let last = { key: null, at: 0 };
const ONE_MOVE_MS = 1000;

// Where a list stands that scrolls (scroller.js): kept, but no step of its own to go back to.
const PLACE = "first";
const withoutPlace = (query) => {
    const rest = new URLSearchParams(query);
    rest.delete(PLACE);
    return rest.toString();
};

// Every control with an id {"page": ..., "state": key} and every store with {"page": ..., "kept": key}
// is a key of the query.
window.dash_clientside.address = {
    propsOf,
    follow: () => {
        const entries = dash_clientside.callback_context.inputs_list.flat();
        const shown = window.location.pathname.split("/").pop() || "overview";
        if (!entries.length || entries[0].id.page !== shown) return dash_clientside.no_update;
        if (leaving !== null && leaving === standing()) return dash_clientside.no_update;
        leaving = null;
        const query = new URLSearchParams(window.location.search);
        const before = query.toString();
        let changed = null;
        for (const entry of entries) {
            const key = entry.id.state || entry.id.kept;
            const value = String(entry.value ?? ""); // Of a list that holds nothing too.
            if (value === "") query.delete(key);
            else {
                if (query.get(key) !== value) changed = key;
                query.set(key, value);
            }
        }
        if (query.toString() !== before) {
            // An address that led here gets its defaults spelt out, which is no step of its own to go
            // back to; a choice is one.
            const dragged = changed === last.key && Date.now() - last.at < ONE_MOVE_MS;
            const scrolled = withoutPlace(query) === withoutPlace(before);
            const chosen = window.location.href === agreed && !scrolled;
            const record = chosen && !dragged ? "pushState" : "replaceState";
            if (chosen) last = { key: changed, at: Date.now() };
            window.history[record](null, "", window.location.pathname + "?" + query.toString());
        }
        agreed = window.location.href;
        return dash_clientside.no_update;
    },
    // The page of the address is built anew, as if one came back to it.
    build: () => window.dispatchEvent(new PopStateEvent("popstate")),
};

// Dash builds the page again when the address differs from the one it last built a page for. Choices
// change the address behind its back, so the way back may lead to that very address: then it is told.
window.addEventListener("popstate", () => {
    const location = "_pages_location";
    const built = propsOf(location);
    const { pathname, search } = window.location;
    // (A link within the page changes no more than what stands behind "#", and no page is built for it.)
    const [here] = window.location.href.split("#");
    if (agreed !== null && here !== agreed.split("#")[0]) leaving = standing();
    if (built.pathname === pathname && built.search === search) {
        dash_clientside.set_props(location, { search });
    }
});
