// Shared by all pages: notices, dialogs, undo, copying, and sending decisions.
// Decisions use fetch, because HTMX drops a request that follows another too quickly.

export const typing = (target) => Boolean(target.closest?.("input:not([type=checkbox]):not([type=range]), textarea, select"));
export const dialogOpen = () => document.querySelector("dialog[open]") !== null;

export function notify(text, kind = "bad") {
  const notice = document.createElement("div");
  notice.className = `notice ${kind}`;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.className = "quiet small";
  close.dataset.dismiss = "";
  close.textContent = "Close";
  notice.append(words, close);
  document.getElementById("notices").append(notice);
  trimNotices();
}

function rememberUndo() {
  const last = [...document.querySelectorAll("#notices [data-undo]")].at(-1)?.dataset.undo;
  if (last && undoable().at(-1) !== last) remember([...undoable(), last]);
  trimNotices();
}

function trimNotices() {
  // Success notices disappear when the undo time is over. Errors stay until they are closed.
  document.querySelectorAll("#notices > .notice.good:not([data-fading])").forEach((each) => {
    each.dataset.fading = "";
    setTimeout(() => each.matches(":hover, :focus-within") || each.remove(), 12000);
  });
  const notices = document.querySelectorAll("#notices > .notice");
  notices.forEach((each, index) => index < notices.length - 3 && each.remove());
}

function sentenceIn(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  return (page.querySelector(".notice, main p, p") ?? page.body).textContent.trim().slice(0, 400);
}

// The gallery swaps the cards. Other pages listen for the event "card" and update themselves.
function applyCards(html) {
  const answer = new DOMParser().parseFromString(html, "text/html");
  for (const card of answer.querySelectorAll("article.card")) {
    document.dispatchEvent(new CustomEvent("card", { detail: { ...card.dataset } }));
    if (!document.querySelector(`#results [id="${card.id}"]`)) card.remove();
  }
  htmx.swap(document.getElementById("notices"), answer.body.innerHTML, { swapStyle: "none" });
}

export async function post(url, values) {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) for (const each of [value].flat()) body.append(name, each);
  try {
    const answer = await fetch(url, { method: "POST", body, headers: { "HX-Request": "true" } });
    const html = await answer.text();
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) location.assign(elsewhere);
    else if (!answer.ok) notify(sentenceIn(html) || `The server returned status ${answer.status}. Nothing was changed.`);
    else applyCards(html);
    rememberUndo();
    document.dispatchEvent(new CustomEvent("decided", { detail: { ok: answer.ok } }));
    return answer.ok;
  } catch {
    notify("The server is not responding. Nothing was changed. Try again.");
    document.dispatchEvent(new CustomEvent("decided", { detail: { ok: false } }));
    return false;
  }
}

// Opens a dialog for the given cards. ``sent`` is called when the form is submitted.
export function ask(name, cards, sent = () => {}, campaign = null) {
  const dialog = document.getElementById(name), form = dialog.querySelector("form");
  form.reset();
  const count = dialog.querySelector("[data-count]");
  if (count) count.textContent = cards.length === 1 ? "this clip" : `${cards.length} clips`;
  const seen = form.elements.seen, ids = form.elements.ids;
  if (seen) seen.value = cards.map((each) => `${each.dataset.id}:${each.dataset.seen}`).join(" ");
  if (form.elements.campaign) form.elements.campaign.value = campaign ?? "";
  if (ids) ids.value = cards.map((each) => each.dataset.id).join(" ");
  const words = form.elements.prompt;
  if (words) {
    words.value = cards[0]?.dataset.prompt ?? "";
    words.closest(".one").hidden = cards.length > 1;
    words.oninput = () => { form.querySelector("[name=same][value='']").checked = true; };
  }
  form.onsubmit = (event) => {
    if (event.submitter?.formMethod === "dialog" || form.method === "dialog") return;
    event.preventDefault();
    const values = {};
    for (const [key, value] of new FormData(form)) values[key] = key in values ? [values[key], value].flat() : value;
    dialog.close();
    sent(post(new URL(form.action).pathname, values));
  };
  dialog.showModal();
  (dialog.querySelector("input[name=reason]:required") ?? dialog.querySelector("button:not(.quiet)")).focus();
}

// Reads a gallery filter from the URL, or from the gallery URL that a clip was opened from.
function galleryFilter(name) {
  const here = new URLSearchParams(location.search);
  return here.get(name) ?? new URLSearchParams(here.get("in") ?? "").get(name);
}

export function decide(cards, act, sent = () => {}) {
  if (!cards.length) return;
  const states = cards.map((each) => each.dataset.state);
  if (act === "withdraw" && !states.some((state) => ["published", "withdrawn"].includes(state))) {
    return notify("Only published clips can be withdrawn.");
  }
  if (act === "approve" && cards.length === 1 && states[0] !== "failed") {
    sent(post("/decide", { outcome: "approved", seen: `${cards[0].dataset.id}:${cards[0].dataset.seen}` }));
  } else if (act === "approve") ask(cards.length === 1 ? "override" : "confirm", cards, sent);
  else ask(act, cards, sent, galleryFilter("campaign"));
}

// Undo works after the notice is closed and on the next page. The server refuses it when it is too late.
const undoable = () => JSON.parse(sessionStorage.getItem("undoable") ?? "[]");
const remember = (all) => sessionStorage.setItem("undoable", JSON.stringify(all.slice(-20)));

export async function undo(button) {
  const ids = button?.dataset.undo ?? undoable().at(-1);
  if (!ids) return notify("Nothing to undo.");
  remember(undoable().filter((each) => each !== ids));
  document.querySelectorAll(`.notice [data-undo="${ids}"]`).forEach((each) => each.closest(".notice").remove());
  await post("/undo", { ids });
}

// Approved clips are signed and published in the background. Poll them and update their cards.
async function watch() {
  const moving = [...document.querySelectorAll("[data-state=approved], [data-state=signing]")].slice(0, 60);
  if (!moving.length || document.hidden || dialogOpen()) return;
  const answer = await fetch(`/gallery/cards?${moving.map((each) => `id=${each.dataset.id}`).join("&")}`).catch(() => null);
  if (!answer?.ok) return;
  const html = await answer.text(), page = new DOMParser().parseFromString(html, "text/html");
  for (const card of page.querySelectorAll("article.card")) {
    if (document.querySelector(`[data-id="${card.dataset.id}"]`)?.dataset.seen === card.dataset.seen) card.remove();
  }
  if (page.querySelector("article.card")) {
    applyCards(page.body.innerHTML);
    document.dispatchEvent(new CustomEvent("decided", { detail: { ok: false } }));
  }
}
setInterval(watch, 3000);

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    notify("Copied.", "good");
  } catch {
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    notify(done ? "Copied." : "The browser blocked copying. Select the text and copy it manually.", done ? "good" : "bad");
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("dismiss" in button.dataset) button.closest(".notice").remove();
  else if ("undo" in button.dataset) { event.preventDefault(); undo(button); }
  else if (button.dataset.open) document.getElementById(button.dataset.open).showModal();
  else if (button.dataset.copy) copy(button);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const rejecting = document.querySelector("#reject[open]") ?? document.getElementById("second-form");
  if (rejecting && /^[0-9]$/.test(event.key) && !typing(event.target)) {
    const boxes = rejecting.querySelectorAll("[name=codes]"), box = boxes[event.key === "0" ? 9 : Number(event.key) - 1];
    if (box) box.checked = !box.checked;
    event.preventDefault();
    return;
  }
  if (event.key === "Escape" && typing(event.target) && !dialogOpen()) event.target.blur();
  if (typing(event.target) || dialogOpen()) return;
  const help = document.getElementById("help");
  if (event.key === "?" && help) help.showModal();
  else if (event.key.toLowerCase() === "u" && document.getElementById("help")) undo();
});

document.addEventListener("htmx:responseError", (event) => notify(sentenceIn(event.detail.xhr.responseText)));
document.addEventListener("htmx:sendError", () => notify("The server is not responding. Try again."));
