// Large files go to the server as they are read from disk: a drop zone of Dash would hold them in memory
// five times over. The zone is #bring-drop; what comes of it goes to two stores.

(() => {
    const tell = (text) => dash_clientside.set_props("bring-progress", { children: text });
    const fault = (sentence) => {
        tell("");
        dash_clientside.set_props("bring-fault", { data: { sentence, at: Date.now() } });
    };
    let sending = null;

    const send = (file) => {
        if (!file) return;
        // The server would refuse it while it is sent, which a browser takes for an upload that was cut off.
        const { mostBytes, mostModelBytes } = document.getElementById("bring-drop").dataset;
        const most = Number(/\.onnx$/i.test(file.name) ? mostModelBytes : mostBytes);
        if (file.size > most) {
            const [has, taken] = [file.size, most].map((bytes) => Math.round(bytes / 1e6).toLocaleString("en"));
            fault(`The file has ${has} MB; at most ${taken} MB are taken.`);
            return;
        }
        if (sending) sending.abort();
        const request = new XMLHttpRequest();
        sending = request;
        request.open("POST", "/bring/upload?name=" + encodeURIComponent(file.name));
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.upload.onprogress = (event) => {
            if (!event.lengthComputable || !event.total) return;
            const share = Math.floor((100 * event.loaded) / event.total);
            tell(share < 100 ? `Sending ${file.name}: ${share} %` : `Looking at ${file.name} …`);
        };
        request.onerror = () => fault("The upload was cut off; drop the file again.");
        request.onload = () => {
            let answer = {};
            try {
                answer = JSON.parse(request.responseText);
            } catch {
                answer = {};
            }
            if (answer.token) {
                window.history.replaceState(null, "", "?upload=" + answer.token);
                tell("");
                dash_clientside.set_props("bring-upload", { data: answer.token });
            } else {
                fault(answer.fault || `The server did not take the file (${request.status}).`);
            }
        };
        tell(`Sending ${file.name} …`);
        request.send(file);
    };

    const zone = (event) => event.target.closest && event.target.closest("#bring-drop");
    document.addEventListener("click", (event) => {
        if (!zone(event)) return;
        const chooser = document.createElement("input");
        chooser.type = "file";
        chooser.addEventListener("change", () => send(chooser.files[0]));
        chooser.click();
    });
    for (const kind of ["dragenter", "dragover"]) {
        document.addEventListener(kind, (event) => {
            const over = zone(event);
            if (!over) return;
            event.preventDefault();
            over.classList.add("drop-active");
        });
    }
    document.addEventListener("dragleave", (event) => {
        const over = zone(event);
        if (over && !over.contains(event.relatedTarget)) over.classList.remove("drop-active");
    });
    document.addEventListener("drop", (event) => {
        const over = zone(event);
        if (!over) return;
        event.preventDefault();
        over.classList.remove("drop-active");
        send(event.dataTransfer.files[0]);
    });
})();
