// The Predict page in the browser. Files go to the server as they are, without their names, and its answer
// comes back as components. Names, files and answers are held in this page's memory only; what is written to
// sessionStorage is in `readings`, and holds no picture and nothing that identifies; localStorage keeps whether
// answers show after a reading. The address says what was asked about, so that going back asks again: a synthetic
// slice by its number, files by a word that only this page knows until it is loaded anew.

window.dash_clientside = window.dash_clientside || {};

window.dash_clientside.predict = (() => {
    const READINGS = "readings";
    const CHECK_AFTER_MS = 300;
    const ANSWERED = "answers-seen";
    const READ_FIRST = "read-first";
    const [BEFORE, AFTER] = ["before the answer", "after the answer was seen"];
    const SCANS = ["earlier", "later"];
    const [TOO_LARGE, BUSY] = ["too_large", "busy"];
    const BUSY_MS = 2000;
    // The choices on the page: run, whether to read first, whether two scans are compared.
    let choices = {};
    // What was dropped: {file | example, name, number, slice, reply, about, reading}.
    let entries = [];
    let shown = null;
    // The two scans, entries too, by the names in SCANS; `pairReply` is what was last said of both.
    let pair = {};
    let pairReply = null;
    // A newer question makes the answers to older ones void.
    let turn = 0;

    // What the address calls files: "files-" and a word, of the last few that were asked about.
    const ASKED = { page: "predict", kept: "asked" };
    const [OF_EXAMPLE, OF_FILES] = ["example-", "files-"];
    const MOST_REMEMBERED = 5;
    const remembered = new Map();

    const part = (id) => document.getElementById(id);
    const set = (id, props) => part("predict") && dash_clientside.set_props(id, props);
    const element = (type, props) => ({ namespace: "dash_html_components", type, props });
    const say = (text) => { if (part("predict-status")) part("predict-status").textContent = text; };

    // `code` is that of the API, for refusals that it knows.
    const refusal = (sentence, code, title) => ({
        outcome: "no answer",
        code,
        said: sentence,
        row: ["no answer", "–", "–"],
        answer: {
            namespace: "dash_mantine_components",
            type: "Alert",
            props: {
                title: title || "No answer for this file",
                children: code
                    ? [sentence, element("Span", { className: "refusal-code", children: `Error code: ${code}` })]
                    : sentence,
                color: "orange",
                variant: "light",
                className: "refusal",
            },
        },
    });

    // Slices are counted through all volumes of a file, one behind the other.
    const place = (number, slices, volumes) => {
        const each = slices / volumes;
        const which = `Slice ${(number - 1) % each + 1} of ${each}`;
        return volumes === 1 ? which : `${which}, volume ${Math.floor((number - 1) / each) + 1} of ${volumes}`;
    };
    // The volumes whose slice is being chosen, by the id of their slider: {entry, number, slices, shown, busy,
    // fault}: `shown` is the slice whose picture stands, `fault` why that of another did not come.
    let choosers = {};
    const chooser = (entry, { number, slices }) => ({ entry, number, slices, shown: number, busy: false, fault: "" });
    const fetchSlice = async (id) => {
        const mine = choosers[id];
        if (mine.busy) return;
        mine.busy = true;
        while (mine === choosers[id] && mine.shown !== mine.number) {
            const number = mine.number;
            const reply = await ask("slice", mine.entry.file, { slice: number });
            if (mine !== choosers[id]) break;
            if (!reply.picture) {
                // The picture is that of another slice still: the slider goes back to it.
                mine.fault = reply.said;
                mine.number = mine.shown;
                set(id, { value: mine.shown });
                say(reply.said);
                break;
            }
            mine.fault = "";
            mine.shown = number;
            set(`${id}-picture`, { src: reply.picture });
        }
        mine.busy = false;
    };

    // The images whose answer was shown in this tab, by short hashes of file and picture: a reading of one
    // of them is not blind, whichever way it is asked for again, and another slice of its file is not either.
    const seen = new Set(JSON.parse(sessionStorage.getItem(ANSWERED) || "[]"));
    const isSeen = ({ content, pixels }) => seen.has(content) || seen.has(pixels);
    const see = (about, kept) => {
        if (!about || !kept || kept.model_answer === undefined) return;
        seen.add(about.content).add(about.pixels);
        sessionStorage.setItem(ANSWERED, JSON.stringify([...seen].slice(-1000)));
    };
    const NOT_BLIND = "The model's answer about this file was shown in this tab before, so a reading of it is "
        + "kept as one after the answer was seen.";
    const NOT_READ = "You switched to “At once” before you committed to a reading of this, so its answer shows "
        + "without one: it was not read first.";
    // The reply under a sentence; as it is without one.
    const withNote = (reply, sentence) => (sentence ? {
        ...reply,
        answer: [element("P", { className: "caution", role: "note", children: sentence }), reply.answer].flat(),
        said: `${reply.said} ${sentence}`,
    } : reply);

    const tooLarge = (file) => {
        const most = Number(part("predict").dataset.mostBytes);
        if (!file || file.size <= most) return null;
        const [has, read] = [(file.size / 1e6).toFixed(1), Math.round(most / 1e6)];
        return `The file has ${has} MB, which is more than the ${read} MB that are read; save one slice or `
            + "volume by itself.";
    };

    // The reply to a question about one or two files; asked again where the server is only busy.
    const ask = async (what, body, query, more = 3) => {
        let reply;
        try {
            const response = await fetch(`/predict/${what}?${new URLSearchParams(query)}`, {
                method: "POST",
                headers: { "Content-Type": "application/octet-stream" },
                body,
            });
            const told = await response.json().catch(() => ({}));
            // What never came to be a question is refused as the API does it.
            if (response.ok) reply = told;
            else if (told.error) reply = refusal(told.error.message, told.error.code);
            else reply = refusal(`The server refused the question (${response.status}); try again.`);
        } catch {
            return refusal("The server cannot be reached; try again in a moment.");
        }
        if (reply.code !== BUSY || !more) return reply;
        await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
        return ask(what, body, query, more - 1);
    };

    const query = (entry) => {
        const asked = { run: choices.run };
        if (entry.example !== undefined) asked.example = entry.example;
        if (entry.slice !== undefined) asked.slice = entry.slice;
        if (entry.reading) asked.impression = entry.reading.impression;
        if (entry.reading?.read === AFTER) asked.seen = "yes";
        return asked;
    };

    // The answer, which is kept; null where another run or slice was chosen meanwhile.
    const answered = async (entry) => {
        const sentence = tooLarge(entry.file);
        const [{ run }, { slice }] = [choices, entry];
        const reply = sentence ? refusal(sentence, TOO_LARGE) : await ask("answer", entry.file, query(entry));
        if (run !== choices.run || slice !== entry.slice) return null;
        see(reply.about, reply.kept);
        entry.reply = reply;
        if (entry.unread && reply.kept?.model_answer !== undefined) {
            const [outcome, ...others] = reply.row;
            entry.reply = { ...withNote(reply, NOT_READ), row: [`${outcome}; not read first`, ...others] };
        }
        return entry.reply;
    };

    // Whether the maps explain their answers is asked once these stand, of the pictures as the network saw
    // them, which came with the answers: nothing is sent or decoded twice.
    const find = (node, id) => {
        if (Array.isArray(node)) return node.reduce((found, one) => found || find(one, id), null);
        if (!node?.props) return null;
        const own = node.props.id || "";
        const same = typeof id === "string" ? String(own).startsWith(id) : own.answer === id.answer && own.part === id.part;
        return same ? node : find(node.props.children, id);
    };
    // In the reply as well as on the page, so that it is there when the reply is shown again.
    const change = (reply, id, props, still) => {
        const node = find(reply.answer, id);
        if (!node) return;
        Object.assign(node.props, props);
        if (still()) set(node.props.id, props);
    };
    const fill = (reply, id, children, still) => change(reply, id, { children }, still);
    const standing = async (id) => {
        const frame = () => new Promise(requestAnimationFrame);
        for (let frames = 0; frames < 300 && !part(id); frames += 1) await frame();
        // Later than the painting, so that whoever drops the next image at once does not wait for this check.
        await new Promise((resolve) => { setTimeout(resolve, CHECK_AFTER_MS); });
    };
    // Whether there is nothing left to ask about this map.
    const check = async (reply, key, square, still) => {
        const place = find(reply.answer, `map-check-${key}-`);
        if (!square || !place) return true;
        await standing(place.props.id);
        if (!still()) return false;
        const bytes = Uint8Array.from(atob(square.slice(square.indexOf(",") + 1)), (c) => c.charCodeAt(0));
        const told = await ask("occlusion", new Blob([bytes]), { run: choices.run });
        const fault = () => element("P", { className: "caution", children: `This was not checked. ${told.said}` });
        fill(reply, place.props.id, told.verdict || fault(), still);
        // A map that is no reason for the answer is drawn only where somebody asks for it.
        const said = { answer: key, part: "told" };
        change(reply, said, { data: { ...find(reply.answer, said).props.data, doubt: told.doubt ?? "This map was not checked." } }, still);
        if (told.drawn) change(reply, { answer: key, part: "drawn" }, { checked: true }, still);
        if (key === "one") {
            fill(reply, "occlusion-told", told.verdict ? told.answer : fault(), still);
            if (still()) say(`${reply.said} ${told.said}`);
        }
        return Boolean(told.verdict);
    };
    const checkMaps = async (reply) => {
        const [mine, asked] = [painted, turn];
        const still = () => mine === painted && asked === turn;
        if (!reply.square || reply.checked) return;
        const squares = typeof reply.square === "string" ? { one: reply.square } : reply.square;
        let all = true;
        for (const [key, square] of Object.entries(squares)) all = await check(reply, key, square, still) && all;
        // What could not be checked is asked again when the answer is shown again.
        reply.checked = all && still();
    };

    // Counts what was painted, so that a late check of an answer that is gone is dropped.
    let painted = 0;
    const paint = (reply) => {
        painted += 1;
        choosers = {};
        if (reply.slices) choosers.slice = chooser(entries[shown], { number: reply.slice, slices: reply.slices });
        for (const [place, told] of Object.entries(reply.choose || {})) {
            choosers[`slice-${place}`] = chooser(pair[place], told);
        }
        set("predict-reply", { data: { ...reply, at: Date.now() } });
        checkMaps(reply);
        say(reply.said);
        // On a phone the answer stands below everything that asks for it.
        const place = part("predict-answer");
        if (place && place.getBoundingClientRect().top > window.innerHeight / 2) place.scrollIntoView();
    };

    const list = () => {
        set("predict-list", { hidden: entries.length < 2 });
        if (entries.length < 2) return;
        const waits = choices.first ? "not read yet" : "waits";
        const rows = entries.map((entry, i) => {
            const cells = entry.reply ? entry.reply.row : [waits, "–", "–"];
            const opens = (children) => element("Button", {
                children,
                title: children, // A long name is shortened.
                className: "link-button",
                type: "button",
                "data-entry": String(i),
                "aria-current": i === shown ? "true" : "false",
            });
            const heads = ["Outcome", "Tumour probability", "Most probable"];
            return element("Tr", {
                role: "row",
                className: i === shown ? "chosen" : "",
                children: [
                    element("Th", { scope: "row", role: "rowheader", children: opens(entry.name) }),
                    // Where a slice has to be chosen, the outcome itself leads there.
                    ...cells.map((text, c) => element("Td", {
                        role: "cell",
                        "data-label": heads[c],
                        children: c === 0 && entry.reply?.slices ? opens(text) : text,
                    })),
                ],
            });
        });
        set("predict-rows", { children: rows });
    };

    // An answer is awaited: its shape after 200 ms (style.css), as high as what stood there, so that nothing jumps.
    const waiting = () => {
        painted += 1;
        choosers = {};
        say("Reading …");
        const blocks = (...kinds) => kinds.map((kind) => element("Div", { className: `skeleton ${kind}` }));
        const one = () => element("Div", { className: "card", children: [
            ...blocks("banner"),
            element("Div", { className: "answer", children: [
                element("Div", { className: "viewer", children: blocks("picture") }),
                element("Div", { className: "answer-words", children: blocks("line", "part", "part") }),
            ] }),
        ] });
        set("predict-answer", { children: element("Div", {
            className: choices.two ? "awaited columns scans" : "awaited",
            style: { minHeight: `${part("predict-answer")?.getBoundingClientRect().height || 0}px` },
            children: choices.two ? SCANS.map(one) : one(),
        }) });
    };

    // `open` and `compare` return the model's answer; null where there is none, or something newer was asked.
    const open = async (i) => {
        const entry = entries[i];
        const mine = turn;
        shown = i;
        list();
        if (!entry.reply) waiting();
        if (choices.first && !entry.reading && entry.example === undefined) {
            const sentence = tooLarge(entry.file);
            const picture = sentence ? refusal(sentence, TOO_LARGE) : await ask("picture", entry.file, query(entry));
            if (mine !== turn || shown !== i) return null;
            entry.about = picture.about;
            paint(withNote(picture, entry.about && isSeen(entry.about) && NOT_BLIND));
            return null;
        }
        const reply = entry.reply || await answered(entry);
        if (mine !== turn || !reply) return null;
        list();
        if (shown === i) paint(reply);
        return reply;
    };

    const start = async (given) => {
        const mine = ++turn;
        entries = given;
        shown = null;
        if (!entries.length) return;
        await answerAll(mine, 0);
    };
    // The file to show first, and all others after it unless they are to be read first.
    const answerAll = async (mine, first) => {
        await open(first);
        for (const [i, entry] of entries.entries()) {
            if (mine !== turn || choices.first) return;
            if (!entry.reply) await answered(entry);
            if (mine !== turn) return;
            list();
            if (entries.length > 1) say(`${i + 1} of ${entries.length} files are read.`);
        }
    };

    // Images are numbered in the order in which they come, on after those whose readings are kept.
    let numbered = null;
    const asEntry = (file, name) => {
        numbered ??= Math.max(0, ...readings().map((one) => one.image || 0));
        numbered += 1;
        return { file, name, number: numbered };
    };
    const asEntries = (files) => [...files].map((file, i) => asEntry(file, file.name || `image ${i + 1}`));

    const both = () => new Blob(SCANS.map((place) => pair[place].file));
    const pairQuery = () => {
        const asked = { run: choices.run, earlier_bytes: pair.earlier.file.size };
        for (const place of SCANS) {
            const { slice, reading } = pair[place];
            if (slice !== undefined) asked[`${place}_slice`] = slice;
            if (reading) asked[`${place}_impression`] = reading.impression;
            if (reading?.read === AFTER) asked[`${place}_seen`] = "yes";
        }
        return asked;
    };

    // Which of two files a refusal is about: their names are known here only.
    const named = (reply) => {
        for (const place of SCANS) {
            const node = find(reply.answer, `refused-${place}`);
            if (node) node.props.children = `${pair[place].name}: `;
        }
        return reply;
    };
    // What was dropped beyond two scans, in a sentence.
    let leftOut = "";

    const compare = async () => {
        const { earlier, later } = pair;
        for (const place of SCANS) {
            const name = part(`predict-${place}-name`);
            if (name) name.textContent = pair[place] ? pair[place].name : "";
        }
        if (!earlier || !later) {
            say(earlier ? "Now the later scan." : "Now the earlier scan.");
            return null;
        }
        const mine = ++turn;
        pairReply = null;
        waiting();
        const large = SCANS.filter((place) => tooLarge(pair[place].file));
        if (large.length) {
            const each = large.map((place) => refusal(
                `${pair[place].name}: ${tooLarge(pair[place].file)}`, TOO_LARGE, `No answer for the ${place} scan`,
            ));
            paint({ ...each[0], answer: each.map((one) => one.answer), said: each.map((one) => one.said).join(" ") });
            return null;
        }
        if (choices.first && !(earlier.reading && later.reading)) {
            const pictures = await ask("pair-pictures", both(), pairQuery());
            if (mine !== turn) return null;
            for (const place of SCANS) pair[place].about = pictures.about?.[place];
            const known = SCANS.some((place) => pair[place].about && isSeen(pair[place].about));
            paint(withNote(withNote(named(pictures), known && NOT_BLIND), leftOut));
            return null;
        }
        const told = await ask("pair", both(), pairQuery());
        if (mine !== turn) return null;
        const unread = told.kept && SCANS.some((place) => pair[place].unread);
        const reply = withNote(withNote(named(told), unread && NOT_READ), leftOut);
        for (const place of SCANS) see(reply.about?.[place], reply.kept?.[place]);
        pairReply = reply;
        paint(reply);
        return reply;
    };

    // Written into the address in place of what stood there, so that nobody goes back to that.
    const instead = (key, value) => {
        const query = new URLSearchParams(window.location.search);
        query.set(key, value);
        window.history.replaceState(null, "", `${window.location.pathname}?${query}`);
    };
    // What is asked about is a step to go back to where something else was asked about before it.
    const step = (asked) => {
        if (!new URLSearchParams(window.location.search).get(ASKED.kept)) instead(ASKED.kept, asked);
        set(ASKED, { data: asked });
    };
    const remember = (what) => {
        const word = OF_FILES + Math.random().toString(36).slice(2, 10);
        remembered.set(word, what);
        if (remembered.size > MOST_REMEMBERED) remembered.delete(remembered.keys().next().value);
        step(word);
    };
    const startExample = (example) => start([{
        example, name: document.querySelector(`[data-example="${example}"]`)?.textContent.trim() || "",
    }]);
    // What the address asks about, asked again.
    const recall = (asked) => {
        const known = remembered.get(asked);
        if (asked?.startsWith(OF_EXAMPLE) && !choices.two) startExample(asked.slice(OF_EXAMPLE.length));
        else if (known?.entries && !choices.two) {
            known.entries.forEach((entry) => { entry.reply = undefined; });
            start(known.entries);
        } else if (known?.pair && choices.two) {
            pair = { ...known.pair };
            compare();
        } else if (asked?.startsWith(OF_FILES) && !known) set("predict-forgotten", { hidden: false });
    };

    const take = (files, place) => {
        if (!files.length || !part("predict")) return;
        if (!choices.two) {
            const given = asEntries(files);
            remember({ entries: given });
            start(given);
            return;
        }
        const given = asEntries(files);
        const more = given.slice(2).map((one) => one.name);
        leftOut = more.length ? `Two scans are compared at a time, so ${more.join(", ")} ${more.length === 1 ? "is" : "are"} left out.` : "";
        if (given.length > 1) [pair.earlier, pair.later] = given;
        else pair[place || (pair.earlier ? "later" : "earlier")] = given[0];
        if (pair.earlier && pair.later) remember({ pair: { ...pair } });
        compare();
    };

    // Choosing, dropping, pasting.

    const choose = (button) => {
        const input = document.createElement("input");
        input.type = "file";
        input.hidden = true;
        input.multiple = !button.dataset.place && !button.dataset.camera;
        if (button.dataset.camera) {
            input.accept = "image/*";
            // A property in few browsers only, the attribute in all.
            input.setAttribute("capture", "environment");
        }
        input.addEventListener("change", () => {
            take(input.files, button.dataset.place);
            input.remove();
        });
        input.addEventListener("cancel", () => input.remove());
        document.body.append(input);
        input.click();
    };

    const holdsFiles = (event) => part("predict") && [...(event.dataTransfer?.types || [])].includes("Files");
    const mark = (target) => {
        document.querySelectorAll(".drop-active").forEach((one) => one.classList.remove("drop-active"));
        const zone = target && target.closest?.(".drop");
        if (zone) zone.classList.add("drop-active");
    };
    for (const kind of ["dragenter", "dragover"]) {
        document.addEventListener(kind, (event) => {
            if (!holdsFiles(event)) return;
            event.preventDefault();
            mark(event.target);
        });
    }
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(null); });
    document.addEventListener("drop", (event) => {
        if (!holdsFiles(event)) return;
        // Anywhere on the page: beside the zone the browser would open the picture in place of the page.
        event.preventDefault();
        mark(null);
        take(event.dataTransfer.files, event.target.closest?.(".drop")?.dataset.place);
    });
    document.addEventListener("paste", (event) => {
        if (event.clipboardData?.files.length) take(event.clipboardData.files);
    });

    // What is kept of a reader's impressions: for this tab, until it is closed.

    const readings = () => JSON.parse(sessionStorage.getItem(READINGS) || "[]");
    const keep = (all) => {
        if (all.length) sessionStorage.setItem(READINGS, JSON.stringify(all));
        else sessionStorage.removeItem(READINGS);
        tell();
    };
    const tell = () => {
        const n = readings().length;
        set("predict-readings", { hidden: !n && !choices.first });
        set("predict-readings-count", {
            children: n === 1 ? "1 reading is kept in this tab." : `${n} readings are kept in this tab.`,
        });
        for (const id of ["predict-readings-save", "predict-readings-forget"]) set(id, { disabled: !n });
    };

    const keepReading = (entry, told, scan) => {
        const { slice, slices, pixels } = entry.about || {};
        const all = readings();
        all.push({
            number: all.length + 1, image: entry.number, scan: scan || "", slice, of_slices: slices, pixels,
            ...entry.reading, ...told,
        });
        keep(all);
    };
    const commit = async (button) => {
        const { impression, place } = button.dataset;
        const entry = place ? pair[place] : entries[shown];
        if (!entry || entry.reading) return;
        // Committed before the model is asked, so that its answer cannot change it.
        entry.reading = {
            impression,
            read: entry.about && isSeen(entry.about) ? AFTER : BEFORE,
            read_at_utc: new Date().toISOString(),
        };
        // Copies, since files may be dropped before the answer comes: then the readings are kept without it.
        if (!place) {
            const read = { ...entry };
            const reply = await open(shown);
            keepReading(read, reply?.kept);
            return;
        }
        button.closest("fieldset").disabled = true;
        button.setAttribute("aria-pressed", "true");
        if (!SCANS.every((one) => pair[one].reading)) {
            say("Now the other scan.");
            document.querySelector("[data-do=commit]:not(:disabled)")?.focus();
            return;
        }
        const both = SCANS.map((one) => [one, { ...pair[one] }]);
        const reply = await compare();
        for (const [one, read] of both) keepReading(read, reply?.kept?.[one], one);
    };

    // What waited for a reading is answered without one, and marked so.
    const reveal = () => {
        if (choices.two) {
            if (!pair.earlier || !pair.later || pairReply) return;
            for (const place of SCANS) if (!pair[place].reading) pair[place].unread = true;
            compare();
            return;
        }
        if (shown === null) return;
        for (const entry of entries) if (!entry.reading && !entry.reply) entry.unread = true;
        turn += 1;
        answerAll(turn, shown);
    };

    // The setting of this browser, where the address did not say, in place of the default that was spelt out there.
    const adopt = async (show) => {
        const said = () => new URLSearchParams(window.location.search).has("show");
        for (let frames = 0; frames < 300 && !said(); frames += 1) await new Promise(requestAnimationFrame);
        if (!part("predict") || !said()) return;
        instead("show", show);
        dash_clientside.set_props({ page: "predict", state: "show" }, { value: show });
    };

    const save = (content, type, name) => dash_clientside.exports.save(new Blob([content], { type }), name);
    const stamp = () => new Date().toISOString().slice(0, 16).replace(/[-:]/g, "");

    const saveReadings = () => {
        const all = readings();
        const columns = [...new Set(all.flatMap(Object.keys))];
        const rows = all.map((one) => columns.map((column) => String(one[column] ?? "")));
        save(dash_clientside.exports.csv([columns, ...rows]), "text/csv", `readings-${stamp()}.csv`);
    };

    const saveReport = async (button) => {
        const entry = entries[shown];
        const answer = choices.two ? pairReply : entry?.reply;
        if (!answer) return;
        const { model_sha256: model } = answer;
        const mine = painted;
        const told = (children) => { if (mine === painted) set("predict-report-told", { children }); };
        told("");
        const reply = choices.two
            ? await ask("pair-report", both(), { ...pairQuery(), model })
            : await ask("report", entry.file, { ...query(entry), model });
        if (reply.report) save(reply.report, "text/html", `answer-${stamp()}.html`);
        else {
            told(reply.said);
            say(reply.said);
        }
        button.focus();
    };

    const actions = {
        choose,
        open: (button) => open(Number(button.dataset.entry)).then(
            () => part("predict-answer").scrollIntoView({ block: "nearest" }),
        ),
        example: ({ dataset: { example } }) => {
            step(OF_EXAMPLE + example);
            startExample(example);
        },
        commit,
        "ask-slice": () => {
            for (const { entry, number } of Object.values(choosers)) {
                Object.assign(entry, { slice: number, reply: undefined });
            }
            if (choices.two) compare();
            else open(shown);
        },
        "another-slice": () => {
            for (const entry of choices.two ? Object.values(pair) : [entries[shown]]) {
                Object.assign(entry, { slice: undefined, reply: undefined, reading: undefined });
            }
            if (choices.two) compare();
            else open(shown);
        },
        report: saveReport,
        "save-readings": saveReadings,
        "forget-readings": () => keep([]),
    };
    document.addEventListener("click", (event) => {
        const button = event.target.closest?.("[data-do], [data-entry]");
        if (!button || !part("predict")) return;
        const action = actions[button.dataset.entry === undefined ? button.dataset.do : "open"];
        if (action) action(button);
    });

    return {
        // The choices as the page opens, and as they change: another run answers what lies there.
        choose: (run, asked, scans, said, about) => {
            const { triggered } = dash_clientside.callback_context;
            const opens = !triggered.some((one) => one.prop_id !== ".");
            const before = choices;
            const show = opens && !said ? localStorage.getItem(READ_FIRST) || asked : asked;
            if (show !== asked) adopt(show);
            if (!opens && triggered.some((one) => one.prop_id.includes('"show"'))) {
                if (show === "after") localStorage.setItem(READ_FIRST, show);
                else localStorage.removeItem(READ_FIRST);
            }
            choices = { run, first: show === "after", two: scans === "two" };
            if (opens || before.two !== choices.two) {
                turn += 1;
                painted += 1;
                [entries, shown, pair, pairReply] = [[], null, {}, null];
                if (!opens) {
                    list();
                    set("predict-answer", { children: null });
                }
                recall(about);
            } else if (before.run !== run) {
                entries.forEach((entry) => { entry.reply = undefined; });
                if (choices.two) compare();
                else start(entries);
            } else if (before.first && !choices.first) {
                reveal();
            }
            tell();
            return [choices.two, !choices.two];
        },
        // The file and the slice that are shown, for a reader who lets it be kept with a correction.
        held: () => ({ file: entries[shown]?.file ?? null, slice: entries[shown]?.slice ?? null }),
        show: (reply) => (reply ? reply.answer : dash_clientside.no_update),
        // Which map lies over the picture, and how strongly.
        // What was checked is about the map of the answer: beside another one stands that it was not.
        overlay: (chosen, opacity, drawn, { answer, unchecked, doubt }) => {
            const [maps] = dash_clientside.callback_context.outputs_list;
            const sentence = unchecked[chosen] || "";
            const said = drawn && (chosen === answer ? doubt : "This map is not that of the answer.");
            return [
                maps.map((map) => ({ opacity: drawn && map.id.map === chosen ? opacity / 100 : 0 })),
                Boolean(sentence), !sentence, sentence,
                !said, said || "", !said, said || "",
            ];
        },
        // The slice that a slider stands at; while it moves, only the last one is fetched.
        slice: (number) => {
            const id = dash_clientside.callback_context.outputs_list.id.replace("-number", "");
            const chosen = choosers[id];
            if (!chosen) return dash_clientside.no_update;
            chosen.number = number;
            fetchSlice(id);
            const volumes = Number(part(`${id}-number`)?.dataset.volumes) || 1;
            const where = place(number, chosen.slices, volumes);
            return chosen.fault && number === chosen.shown ? `${where}. ${chosen.fault}` : where;
        },
    };
})();
