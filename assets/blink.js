// Two pictures of a pair take turns in one place, so that the eye finds what differs between them.

window.dash_clientside = window.dash_clientside || {};

const SIDE_BY_SIDE = "Side by side";

window.dash_clientside.pairs = {
    // The next way to show a pair and the words of the button that leads on from there. Who wants less
    // motion turns the pictures by hand.
    blink: (clicks, shown) => {
        if (!clicks) return [dash_clientside.no_update, dash_clientside.no_update];
        const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
        const ways = still
            ? [["", "Blink"], ["over first", "Show the copy"], ["over", SIDE_BY_SIDE]]
            : [["", "Blink"], ["over blink", SIDE_BY_SIDE]];
        const plain = shown.split(" ").filter((one) => !["over", "first", "blink"].includes(one)).join(" ");
        const at = ways.findIndex(([way]) => `${plain} ${way}`.trim() === shown);
        const [way, words] = ways[(at + 1) % ways.length];
        return [`${plain} ${way}`.trim(), words];
    },
};
