// What every page shares: notices, dialogs, undo, copying, and sending decisions.
// Decisions go by fetch, each on its own: HTMX would drop one that follows another too quickly.

export const typing = (target) => Boolean(target.closest?.("input:not([type=checkbox]):not([type=range]), textarea, select"));
export const dialogOpen = () => document.querySelector("dialog[open]") !== null;

export function say(text, kind = "bad") {
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
  trim();
}

function trim() {
  const notices = document.querySelectorAll("#notices > .notice");
  notices.forEach((each, index) => index < notices.length - 3 && each.remove());
}

function sentenceIn(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  return (page.querySelector(".notice, main p, p") ?? page.body).textContent.trim().slice(0, 400);
}

// Cards of a gallery are exchanged; other pages hear of each card and show it in their own way.
function take(html) {
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
    else if (!answer.ok) say(sentenceIn(html) || `The server answered ${answer.status}; nothing was changed.`);
    else take(html);
    trim();
    document.dispatchEvent(new CustomEvent("decided", { detail: { ok: answer.ok } }));
    return answer.ok;
  } catch {
    say("The server does not answer; nothing was changed. Try again.");
    document.dispatchEvent(new CustomEvent("decided", { detail: { ok: false } }));
    return false;
  }
}

// Opens a dialog about some cards; ``sent`` is called as soon as the form is submitted.
export function ask(name, cards, sent = () => {}) {
  const dialog = document.getElementById(name), form = dialog.querySelector("form");
  form.reset();
  const count = dialog.querySelector("[data-count]");
  if (count) count.textContent = cards.length === 1 ? "this clip" : `${cards.length} clips`;
  const seen = form.elements.seen, ids = form.elements.ids;
  if (seen) seen.value = cards.map((each) => `${each.dataset.id}:${each.dataset.seen}`).join(" ");
  if (ids) ids.value = cards.map((each) => each.dataset.id).join(" ");
  const words = form.elements.prompt;
  if (words) {
    words.value = cards[0]?.dataset.prompt ?? "";
    words.closest("label").hidden = cards.length > 1;
    words.oninput = () => { form.elements.same.checked = false; };
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

export function decide(cards, act, sent = () => {}) {
  if (!cards.length) return;
  const states = cards.map((each) => each.dataset.state);
  if (act === "approve" && cards.length === 1 && states[0] !== "failed") {
    sent(post("/decide", { outcome: "approved", seen: `${cards[0].dataset.id}:${cards[0].dataset.seen}` }));
  } else if (act === "approve") ask(cards.length === 1 ? "override" : "confirm", cards, sent);
  else ask(act, cards, sent);
}

export async function undo(button) {
  const last = button ?? [...document.querySelectorAll("[data-undo]")].at(-1);
  if (!last) return say("There is nothing to undo on this page.");
  const ids = last.dataset.undo;
  last.closest(".notice")?.remove();
  await post("/undo", { ids });
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say("Copied.", "good");
  } catch {
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    say(done ? "Copied." : "The browser refuses to copy; mark the text and copy it by hand.", done ? "good" : "bad");
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
  if (typing(event.target) || dialogOpen()) return;
  const help = document.getElementById("help");
  if (event.key === "?" && help) help.showModal();
  else if (event.key === "u" && document.getElementById("help")) undo();
});

document.addEventListener("htmx:responseError", (event) => say(sentenceIn(event.detail.xhr.responseText)));
document.addEventListener("htmx:sendError", () => say("The server does not answer; try again."));
