// Dash 4.4 tells every component of the page of every change of its store, and each then looks whether that
// concerns it. Of a click on a cell of Evaluate there were 97 changes, and a thousand components. Left out here,
// since no component reads it:
// - What Dash notes for itself (60 of the 97).
// - "Reset what you know of this place", sent for every component that is drawn, where nothing is known of it:
//   drawing 250 components on a page of 450 told of 110,000.
// What changes at one go is told once, as React draws it once. That something is waited for is told when it has
// lasted: it shows only then (style.css).
// tests/browser/test_quiet.py fails when this does nothing any more.

(() => {
    const RESET = "RESET_COMPONENT_STATE";
    // Which callbacks run, where a component stands, what changed last.
    const OWN = new Set(["callbacks", "paths", "changed"]);

    const WAITS = "loading";
    const WAITS_MS = 100;

    const differing = (one, other) => Object.keys(other).filter((key) => !OWN.has(key) && one[key] !== other[key]);

    function quiet(store) {
        const { dispatch, subscribe } = store;
        store.dispatch = (action) => {
            if (action?.type === RESET) {
                const place = (action.payload?.itempath ?? []).join(",");
                const known = Object.keys(store.getState().layoutHashes ?? {});
                if (!known.some((one) => one.startsWith(place))) return action;
            }
            return dispatch(action);
        };
        // Dash's own observers have subscribed before the store comes here; who subscribes now draws.
        store.subscribe = (listener) => {
            let told = store.getState();
            let soon = false;
            let later = null;
            const tell = () => {
                soon = false;
                clearTimeout(later);
                later = null;
                const state = store.getState();
                if (!listener || !differing(told, state).length) return;
                told = state;
                listener();
            };
            const unsubscribe = subscribe(() => {
                const what = differing(told, store.getState());
                if (!what.length || soon) return;
                // A field that is typed in has to know its value before the event ends.
                if (window.event?.target?.matches?.("input, textarea, select")) tell();
                else if (what.every((key) => key === WAITS)) later ??= setTimeout(tell, WAITS_MS);
                else {
                    soon = true;
                    queueMicrotask(tell);
                }
            });
            return () => {
                listener = null;
                unsubscribe();
            };
        };
    }

    window.dash_stores = [];
    window.dash_stores.push = (...stores) => {
        stores.forEach(quiet);
        return Array.prototype.push.apply(window.dash_stores, stores);
    };
})();
