// The second review page.
import { dialogOpen, typing } from "./app.js";
import { player } from "./player.js";

const video = document.getElementById("player");
const deck = player(video ? [video] : [], Number(document.querySelector(".clip")?.dataset.fps ?? 8));
// As on other pages, R starts a rejection, number keys select reasons, and Enter rejects.
const keys = { a: () => document.getElementById("approve")?.click(),
  r: () => document.getElementById("reject-now")?.focus(), " ": deck.toggle };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || dialogOpen()) return;
  if (event.key === " " && event.target.closest("button, a, input")) return;
  const key = keys[event.key.toLowerCase()];
  if (key) { event.preventDefault(); key(); }
});
