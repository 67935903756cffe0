// A run that finishes while a page is open is announced, and shown when asked for: nothing that is being
// read moves by itself. The server is asked only for a fingerprint of each run's files (/state). When it was gone
// and is back, what was asked for meanwhile is asked again.

(() => {
    const EVERY_MS = 10_000;
    const GONE = /did not respond/; // What Dash says of a request that found no server.
    let known = null;
    let news = null;
    let missed = false;
    let refused = false;

    const place = () => document.getElementById("live");

    const say = (kind, sentence, action) => {
        const note = place();
        if (!note || note.dataset.kind === kind + sentence) return;
        note.dataset.kind = kind + sentence;
        note.className = "live " + kind;
        note.replaceChildren();
        if (!sentence) return;
        note.append(Object.assign(document.createElement("span"), { textContent: sentence }));
        for (const [label, act] of action || []) {
            const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
            button.addEventListener("click", act);
            note.append(button);
        }
    };

    const quiet = () => { [news, missed, refused] = [null, false, false]; say("", ""); };

    // As Dash's own links do it: the page of that address is built, and going back leads here.
    const open = (pathname, search) => {
        dash_clientside.set_props("_pages_location", { pathname, search });
        window.scrollTo(0, 0);
        quiet();
    };

    const again = () => {
        dash_clientside.address.build();
        quiet();
    };

    // What somebody has typed is not in the address, and building the page again would lose it.
    const TYPED = "textarea, input[type=text]:not([aria-haspopup])";
    let typed = null;
    document.addEventListener("input", ({ target }) => { if (target.matches(TYPED)) typed = target; });

    // Whether a request of Dash found no server since it was last asked for news: the address and the marks of
    // the page are at what was chosen then, the rest of it is not. Behind a proxy such a request is answered
    // with an error, as one that fails for a reason of its own is; it counts if the news failed too.
    let failed = 0;
    let away = false;
    const count = () => {
        const all = window.dash_stores?.at(-1)?.getState().error.backEnd ?? []; // the newest first
        const fresh = all.slice(0, all.length - failed);
        failed = all.length;
        missed ||= fresh.some(({ error }) => away || GONE.test(error?.message));
        away = false;
    };

    const offerMissed = () => say("news", "The server is back, but this page is not what was chosen meanwhile. "
        + "Updating it loses what you have typed.", [["Update this page", again], ["Not now", quiet]]);

    const sayRefused = () => say("offline", "The server failed at what was just asked, and noted why: what you see is "
        + "what stood here before.", [["Try again", again], ["Not now", quiet]]);

    const announce = () => {
        const { fresh, changed, gone } = news;
        if (fresh.length) {
            const more = fresh.length > 1 ? ` and ${fresh.length - 1} more` : "";
            say("news", `New run: ${fresh[0]}${more}`, [
                ["Show", () => open("/evaluate", "?" + new URLSearchParams({ run: fresh[0] }))],
                ["Update this page", again],
                ["Not now", quiet],
            ]);
        } else {
            const what = changed.length ? `${changed[0]} has new results` : `${gone[0]} was removed`;
            say("news", what, [["Update this page", again], ["Not now", quiet]]);
        }
    };

    const compare = (state) => {
        if (known) {
            const fresh = Object.keys(state).filter((run) => !(run in known));
            const changed = Object.keys(state).filter((run) => run in known && known[run] !== state[run]);
            const gone = Object.keys(known).filter((run) => !(run in state));
            if (fresh.length || changed.length || gone.length) {
                news = {
                    fresh: [...new Set([...((news && news.fresh) || []), ...fresh])].filter((run) => run in state),
                    changed,
                    gone,
                };
                if (!news.fresh.length && !changed.length && !gone.length) news = null;
            }
        }
        known = state;
    };

    // What the runs are; null, and said, where the server does not answer.
    const asked = async () => {
        try {
            const answer = await fetch("/state", { priority: "low", cache: "no-store" });
            if (!answer.ok) throw new Error(answer.statusText);
            return await answer.json();
        } catch {
            away = true;
            say("offline", "The server does not answer: what you see stays, and nothing new can be asked until it "
                + "is back. It is tried again every ten seconds.");
            return null;
        }
    };

    const ask = async () => {
        if (document.hidden) return;
        const state = await asked();
        if (!state) return;
        compare(state);
        count();
        if (missed && !(typed?.isConnected && typed.value)) {
            dash_clientside.address.build();
            missed = false;
        }
        if (missed) offerMissed();
        else if (refused) sayRefused();
        else if (news) announce();
        else say("", "");
    };

    // A request of Dash that failed is the first to know. Only whether the server is gone is asked then: building
    // the page again is left to the next round, or to the reader, since it could fail for ever for a reason of its
    // own. What awaited the answer is shown as it was.
    const failedAt = async ({ error }) => {
        dash_clientside.chosen.uncover();
        if (!await asked() || GONE.test(error?.message)) return;
        refused = true;
        sayRefused();
    };
    const listen = () => {
        const store = window.dash_stores?.at(-1);
        if (!store) return requestAnimationFrame(listen);
        let newest = null;
        return store.subscribe(() => {
            const first = store.getState().error.backEnd[0];
            if (first && first !== newest) failedAt(first);
            newest = first;
        });
    };

    listen();
    ask();
    setInterval(ask, EVERY_MS);
    document.addEventListener("visibilitychange", ask);
})();
