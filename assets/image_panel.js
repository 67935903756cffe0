// A tile opens the panel of its image. It is listened to here and not by Dash, which would ask again for every tile
// that is drawn anew. The open image is a key of the address.

document.addEventListener("click", ({ target }) => {
    const button = target.closest?.('button[id^="{"]');
    const { image, place } = button ? JSON.parse(button.id) : {};
    if (image === undefined || place === undefined) return;
    const kept = { page: window.location.pathname.split("/").pop() || "overview", kept: "image" };
    if (dash_component_api.getLayout(kept)) dash_clientside.set_props(kept, { data: image });
});
