// Pages work without this. With it they follow changes, show pictures full
// screen, load a folder as it is scrolled, and tell times of this zone.
"use strict";

function times(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      time.textContent = moment.toLocaleString();
    }
  }
}

async function fetched(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.statusText);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// What is live is replaced when the server says that something changed.
function follow() {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  const events = new EventSource(document.body.dataset.up + "events");
  let busy = false;
  let again = false;
  events.addEventListener("changed", async () => {
    if (busy) { again = true; return; }
    busy = true;
    do {
      again = false;
      try {
        const page = await fetched(location.href);
        const fresh = page.querySelector("[data-live]");
        const old = document.querySelector("[data-live]");
        // Not while somebody is at a button in it.
        if (fresh && old && !old.contains(document.activeElement)) {
          old.replaceWith(fresh);
          times(fresh);
        }
      } catch { /* the next change tries again */ }
    } while (again);
    busy = false;
  });
}

// The next pictures, when the button for them comes into sight.
function more() {
  const button = document.querySelector("[data-next]");
  if (!button) return;
  const seen = new IntersectionObserver(async (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    try {
      const page = await fetched(button.href);
      const sheet = document.querySelector("[data-more]");
      for (const frame of page.querySelectorAll("[data-more] > li")) sheet.append(frame);
      times(sheet);
      const next = page.querySelector("[data-next]");
      if (next) button.replaceWith(next); else button.remove();
      more();
    } catch { /* the button still works */ }
  }, { rootMargin: "600px" });
  seen.observe(button);
}

// One picture, full screen; arrows lead on, Escape back.
function show() {
  let dialog;
  let current;
  function open(link) {
    current = link;
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.setAttribute("aria-label", "Picture");
      document.body.append(dialog);
      dialog.addEventListener("close", () => { dialog.replaceChildren(); current.focus(); });
      dialog.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const links = [...document.querySelectorAll("a[data-show]")];
        const next = links[links.indexOf(current) + step];
        if (next) open(next);
      });
    }
    const picture = document.createElement(link.dataset.show === "film" ? "video" : "img");
    picture.src = link.href;
    if (link.dataset.show === "film") picture.controls = true;
    else picture.alt = link.textContent.trim();
    const words = document.createElement("p");
    const name = document.createElement("span");
    name.textContent = link.textContent.trim();
    const close = document.createElement("button");
    close.textContent = "Close";
    close.addEventListener("click", () => dialog.close());
    words.append(name, close);
    dialog.replaceChildren(picture, words);
    if (!dialog.open) dialog.showModal();
    close.focus();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[data-show]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link);
  });
}

times(document);
follow();
more();
show();
