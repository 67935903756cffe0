// The heads of the table of runs: a click asks for the order that the button names, a click on the head that it is
// sorted by for the other way round. Buttons are listened to here and not by Dash, for which two quick clicks are one.

document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("#leaderboard button.sort");
    if (!button) return;
    const { sort: column } = JSON.parse(button.id);
    const [first, kept] = [button.value, { page: "overview", kept: "sort" }];
    const turned = first === column ? `-${column}` : column;
    const shown = dash_clientside.address.propsOf(kept).data;
    dash_clientside.set_props(kept, { data: shown === first ? turned : first });
});
