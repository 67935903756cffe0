// The Predict page in the browser. Files go to the server as they are, without their names, and its answer
// comes back as components. Names, files and answers are held in this page's memory only; what is written to
// sessionStorage is in `readings`, and holds no picture and nothing that identifies.

window.dash_clientside = window.dash_clientside || {};

window.dash_clientside.predict = (() => {
    const READINGS = "readings";
    const TOO_LARGE = "too_large";
    // The choices on the page: run, whether to read first, whether two scans are compared.
    let choices = {};
    // What was dropped: {file | example, name, slice, reply, reading}.
    let entries = [];
    let shown = null;
    let pair = {};
    // A newer question makes the answers to older ones void.
    let turn = 0;

    const part = (id) => document.getElementById(id);
    const set = (id, props) => part("predict") && dash_clientside.set_props(id, props);
    const element = (type, props) => ({ namespace: "dash_html_components", type, props });
    const say = (text) => { if (part("predict-status")) part("predict-status").textContent = text; };

    // `code` is that of the API, for refusals that it knows.
    const refusal = (sentence, code) => ({
        outcome: "no answer",
        said: sentence,
        row: ["no answer", "–", "–"],
        answer: {
            namespace: "dash_mantine_components",
            type: "Alert",
            props: {
                title: "No answer for this file",
                children: code
                    ? [sentence, element("Span", { className: "refusal-code", children: `Error code: ${code}` })]
                    : sentence,
                color: "orange",
                variant: "light",
                className: "refusal",
            },
        },
    });

    // The volume whose slice is being chosen: {number, slices, shown, busy}.
    let chooser = null;
    // Slices are counted through all volumes of a file, one behind the other.
    const place = (number, slices, volumes) => {
        const each = slices / volumes;
        const which = `Slice ${(number - 1) % each + 1} of ${each}`;
        return volumes === 1 ? which : `${which}, volume ${Math.floor((number - 1) / each) + 1} of ${volumes}`;
    };
    const fetchSlice = async (entry) => {
        const mine = chooser;
        if (mine.busy) return;
        mine.busy = true;
        while (mine === chooser && mine.shown !== mine.number) {
            const number = mine.number;
            const reply = await ask("slice", entry.file, { slice: number });
            if (mine === chooser && reply.picture) set("slice-picture", { src: reply.picture });
            mine.shown = number;
        }
        mine.busy = false;
    };

    const tooLarge = (file) => {
        const most = Number(part("predict").dataset.mostBytes);
        if (!file || file.size <= most) return null;
        const [has, read] = [(file.size / 1e6).toFixed(1), Math.round(most / 1e6)];
        return `The file has ${has} MB, which is more than the ${read} MB that are read.`;
    };

    // The reply to a question about one or two files.
    const ask = async (what, body, query) => {
        try {
            const response = await fetch(`/predict/${what}?${new URLSearchParams(query)}`, {
                method: "POST",
                headers: { "Content-Type": "application/octet-stream" },
                body,
            });
            if (response.ok) return await response.json();
            return refusal(`The server refused the question (${response.status}); try again.`);
        } catch {
            return refusal("The server cannot be reached; try again in a moment.");
        }
    };

    const query = (entry) => {
        const asked = { run: choices.run };
        if (entry.example !== undefined) asked.example = entry.example;
        if (entry.slice !== undefined) asked.slice = entry.slice;
        if (entry.reading) asked.impression = entry.reading.impression;
        return asked;
    };

    const answered = async (entry) => {
        const sentence = tooLarge(entry.file);
        entry.reply = sentence ? refusal(sentence, TOO_LARGE) : await ask("answer", entry.file, query(entry));
        return entry.reply;
    };

    const paint = (reply) => {
        const { slice: number, slices } = reply;
        chooser = slices ? { number, slices, shown: number, busy: false } : null;
        set("predict-reply", { data: { ...reply, at: Date.now() } });
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

    const open = async (i) => {
        const entry = entries[i];
        const mine = turn;
        shown = i;
        list();
        if (choices.first && !entry.reading && entry.example === undefined) {
            const sentence = tooLarge(entry.file);
            const picture = sentence ? refusal(sentence, TOO_LARGE) : await ask("picture", entry.file, query(entry));
            if (mine === turn && shown === i) paint(picture);
            return;
        }
        const reply = entry.reply || await answered(entry);
        if (mine !== turn) return;
        list();
        if (shown === i) paint(reply);
    };

    const start = async (given) => {
        const mine = ++turn;
        entries = given;
        shown = null;
        if (!entries.length) return;
        set("predict-answer", { children: element("P", { className: "note", children: "Reading …" }) });
        await open(0);
        if (choices.first) return;
        for (const [i, entry] of entries.entries()) {
            if (mine !== turn) return;
            if (!entry.reply) await answered(entry);
            if (mine !== turn) return;
            list();
            if (entries.length > 1) say(`${i + 1} of ${entries.length} files are read.`);
        }
    };

    const asEntries = (files) => [...files].map((file, i) => ({ file, name: file.name || `image ${i + 1}` }));

    const compare = async () => {
        const { earlier, later } = pair;
        for (const place of ["earlier", "later"]) {
            const name = part(`predict-${place}-name`);
            if (name) name.textContent = pair[place] ? pair[place].name : "";
        }
        if (!earlier || !later) {
            say(earlier ? "Now the later scan." : "Now the earlier scan.");
            return;
        }
        const mine = ++turn;
        const sentence = tooLarge(earlier) || tooLarge(later);
        const reply = sentence ? refusal(sentence, TOO_LARGE) : await ask(
            "pair", new Blob([earlier, later]), { run: choices.run, earlier_bytes: earlier.size },
        );
        if (mine === turn) paint(reply);
    };

    const take = (files, place) => {
        if (!files.length || !part("predict")) return;
        if (!choices.two) {
            start(asEntries(files));
            return;
        }
        const given = [...files];
        if (given.length > 1) [pair.earlier, pair.later] = given;
        else pair[place || (pair.earlier ? "later" : "earlier")] = given[0];
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

    const commit = async (impression) => {
        const entry = entries[shown];
        if (!entry || entry.reading) return;
        // Committed before the model is asked, so that its answer cannot change it.
        entry.reading = { impression, read_at_utc: new Date().toISOString() };
        await open(shown);
        const told = entry.reply.kept;
        const all = readings();
        all.push({ number: all.length + 1, ...entry.reading, ...told });
        keep(all);
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
        if (!entry) return;
        const { model_sha256: model } = entry.reply;
        const reply = await ask("report", entry.file, { ...query(entry), model });
        if (reply.report) save(reply.report, "text/html", `answer-${stamp()}.html`);
        else paint(reply);
        button.focus();
    };

    const checkOcclusion = async (button) => {
        const entry = entries[shown];
        if (!entry) return;
        button.disabled = true;
        const reply = await ask("occlusion", entry.file, query(entry));
        button.disabled = false;
        set("occlusion-told", { children: reply.answer });
        say(reply.said);
    };

    const actions = {
        choose,
        open: (button) => open(Number(button.dataset.entry)).then(
            () => part("predict-answer").scrollIntoView({ block: "nearest" }),
        ),
        example: (button) => start([{
            example: button.dataset.example, name: button.textContent.trim(),
        }]),
        commit: (button) => commit(button.dataset.impression),
        "ask-slice": () => {
            Object.assign(entries[shown], { slice: chooser.number, reply: undefined });
            open(shown);
        },
        "another-slice": () => {
            Object.assign(entries[shown], { slice: undefined, reply: undefined, reading: undefined });
            open(shown);
        },
        occlusion: checkOcclusion,
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
        choose: (run, show, scans) => {
            const opens = !dash_clientside.callback_context.triggered.some((one) => one.prop_id !== ".");
            const before = choices;
            choices = { run, first: show === "after", two: scans === "two" };
            if (opens || before.two !== choices.two) {
                turn += 1;
                [entries, shown, pair] = [[], null, {}];
                if (!opens) {
                    list();
                    set("predict-answer", { children: null });
                }
            } else if (before.run !== run) {
                entries.forEach((entry) => { entry.reply = undefined; });
                if (choices.two) compare();
                else start(entries);
            }
            tell();
            return [choices.two, !choices.two];
        },
        // The file and the slice that are shown, for a reader who lets it be kept with a correction.
        held: () => ({ file: entries[shown]?.file ?? null, slice: entries[shown]?.slice ?? null }),
        show: (reply) => (reply ? reply.answer : dash_clientside.no_update),
        // Which map lies over the picture, and how strongly.
        overlay: (chosen, opacity) => {
            const maps = dash_clientside.callback_context.outputs_list;
            return maps.map((map) => ({ opacity: map.id.map === chosen ? opacity / 100 : 0 }));
        },
        // The slice that the slider stands at; while it moves, only the last one is fetched.
        slice: (number) => {
            const entry = entries[shown];
            if (!entry || !chooser) return dash_clientside.no_update;
            chooser.number = number;
            fetchSlice(entry);
            return place(number, chooser.slices, Number(part("slice-number")?.dataset.volumes) || 1);
        },
    };
})();
