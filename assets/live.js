// A run that finishes while a page is open is announced, and shown when asked for: nothing that is being
// read moves by itself. The server is asked only for a fingerprint of each run's files (/state).

(() => {
    const EVERY_MS = 10_000;
    let known = null;
    let news = null;

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

    const quiet = () => { news = null; say("", ""); };

    // As Dash's own links do it: the page of that address is built, and going back leads here.
    const open = (pathname, search) => {
        dash_clientside.set_props("_pages_location", { pathname, search });
        window.scrollTo(0, 0);
        quiet();
    };

    const again = () => {
        dash_clientside.set_props("_pages_location", { search: window.location.search });
        quiet();
    };

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

    const ask = async () => {
        if (document.hidden) return;
        let state = null;
        try {
            const answer = await fetch("/state", { priority: "low", cache: "no-store" });
            if (!answer.ok) throw new Error(answer.statusText);
            state = await answer.json();
        } catch {
            say("offline", "The server does not answer: what you see stays, and nothing new can be asked until it "
                + "is back. It is tried again every ten seconds.");
            return;
        }
        compare(state);
        if (news) announce();
        else say("", "");
    };

    ask();
    setInterval(ask, EVERY_MS);
    document.addEventListener("visibilitychange", ask);
})();
