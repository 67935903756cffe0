// Dash draws whole parts of a page anew, and what had the focus is gone with its part: what stands there under the
// same id gets it back, so that who uses a keyboard goes on from where they are. Of what is gone for good (a chip)
// the one before it in its part gets it, the one after, or the part.

(() => {
    let held = null;

    document.addEventListener("focusin", ({ target }) => {
        const part = target.parentElement?.closest("[id]");
        if (!target.id || !part) {
            held = null;
            return;
        }
        const ids = [...part.querySelectorAll("button[id]")].map(({ id }) => id);
        const at = ids.indexOf(target.id);
        held = { element: target, part: part.id, ids: [target.id, ...ids.slice(0, at).reverse(), ...ids.slice(at + 1)] };
    });

    // Who leaves for nothing in particular does not want to be taken back; what is drawn anew is not left.
    document.addEventListener("focusout", ({ target }) => setTimeout(() => {
        if (held?.element === target && target.isConnected && document.activeElement !== target) held = null;
    }));

    const giveBack = () => {
        if (!held || held.element.isConnected || document.activeElement !== document.body) return;
        const part = document.getElementById(held.part);
        if (!part) return; // It may still come.
        const next = held.ids.map((id) => document.getElementById(id)).find((one) => one && !one.disabled);
        (next ?? part).focus({ preventScroll: true });
    };
    new MutationObserver(giveBack).observe(document.documentElement, { childList: true, subtree: true });
})();
