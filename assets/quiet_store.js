// Dash 4.4 tells its store of every component that it draws anew ("reset what you know of this place"),
// and the store then asks every component of the page whether that concerns it: drawing 250 components on
// a page of 450 asks 110,000 times. Nearly always the store knows nothing of the place, so nothing can
// change; such messages are left out here. tests/browser/test_quiet.py fails when this does nothing any more.

(() => {
    const RESET = "RESET_COMPONENT_STATE";

    function quiet(store) {
        const dispatch = store.dispatch;
        store.dispatch = (action) => {
            if (action?.type === RESET) {
                const place = (action.payload?.itempath ?? []).join(",");
                const known = Object.keys(store.getState().layoutHashes ?? {});
                if (!known.some((one) => one.startsWith(place))) return action;
            }
            return dispatch(action);
        };
    }

    window.dash_stores = [];
    window.dash_stores.push = (...stores) => {
        stores.forEach(quiet);
        return Array.prototype.push.apply(window.dash_stores, stores);
    };
})();
