// A dotted term opens what it means, above everything else on the page. The browser closes it on Escape
// and on a click elsewhere.

const meaning = document.createElement("div");
meaning.className = "meaning";
meaning.popover = "auto";
meaning.setAttribute("role", "status"); // Said aloud when it opens.

const GAP_PX = 6, EDGE_PX = 8;
let term = null;
let closed = { term: null, at: 0 };

const place = () => {
    const { left, top, bottom } = term.getBoundingClientRect();
    const { width, height } = meaning.getBoundingClientRect();
    const below = bottom + GAP_PX + height < window.innerHeight - EDGE_PX;
    meaning.style.left = `${Math.max(EDGE_PX, Math.min(left, window.innerWidth - width - EDGE_PX))}px`;
    meaning.style.top = `${below ? bottom + GAP_PX : Math.max(EDGE_PX, top - height - GAP_PX)}px`;
};

meaning.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "closed" || !term) return;
    closed = { term, at: performance.now() };
    term.setAttribute("aria-expanded", "false");
    term = null;
});

document.addEventListener("click", (event) => {
    const chosen = event.target.closest?.(".term");
    // The press that closed a meaning is the same that would open it again.
    if (!chosen || (chosen === closed.term && performance.now() - closed.at < 500)) return;
    if (chosen === term) return meaning.hidePopover();
    document.getElementById("content").append(meaning);
    meaning.textContent = chosen.dataset.means;
    meaning.showPopover();
    term = chosen;
    term.setAttribute("aria-expanded", "true");
    place();
});

window.addEventListener("scroll", () => term && meaning.hidePopover(), { passive: true });

// Why numbers have no interval is told once, at the end of a page; what came into the page after it adds its own.
document.addEventListener("toggle", (event) => {
    const fold = event.target;
    if (!fold.open || !fold.classList.contains("page-reasons")) return;
    const list = fold.querySelector("ul"), page = fold.closest(".page");
    const said = () => page.textContent.replace(/\s+/g, " ");
    for (const { dataset } of page.querySelectorAll("[data-no-interval]")) {
        const reason = dataset.noInterval;
        if (!said().includes(reason.replace(/\s+/g, " "))) list.append(Object.assign(document.createElement("li"), { textContent: reason }));
    }
}, true);
