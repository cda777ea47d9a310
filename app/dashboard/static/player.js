// Controls one or several videos as one player: play, pause and step by frame, in sync.

export function player(videos, fps) {
  const button = document.getElementById("play"), range = document.getElementById("position");
  const output = document.getElementById("frame"), first = videos[0];
  if (!first) return { toggle() {}, step() {}, time: () => 0, seek() {} };
  const frames = range ? Number(range.max) + 1 : 0;
  const frameOf = (video) => Math.min(Math.max(frames - 1, 0), Math.floor(video.currentTime * fps + 0.001));

  function show() {
    const frame = frameOf(first);
    if (range) range.value = frame;
    if (output) output.textContent = `frame ${frame + 1} of ${frames}`;
    button?.setAttribute("aria-pressed", String(!first.paused));
  }
  // Seek to the middle of a frame, so that rounding never shows a neighbouring frame.
  const seek = (seconds) => videos.forEach((each) => { each.currentTime = Math.min(seconds, each.duration || seconds); });
  const toFrame = (frame) => seek((Math.min(Math.max(frame, 0), frames - 1) + 0.5) / fps);
  const pause = () => videos.forEach((each) => each.pause());

  function follow() {
    for (const each of videos.slice(1)) {
      if (Math.abs(each.currentTime - first.currentTime) > 1 / fps && each.readyState > 1 && !each.seeking) {
        each.currentTime = Math.min(first.currentTime, each.duration || 0);
      }
    }
    show();
    if (!first.paused) requestAnimationFrame(follow);
  }
  async function toggle() {
    if (!first.paused) { pause(); return show(); }
    await Promise.allSettled(videos.map((each) => each.play()));
    follow();
  }
  button?.addEventListener("click", toggle);
  range?.addEventListener("input", () => { pause(); toFrame(Number(range.value)); });
  first.addEventListener("seeked", show);
  first.addEventListener("pause", show);
  const step = (by) => { pause(); toFrame(frameOf(first) + by); };
  document.querySelectorAll("[data-step]").forEach((each) => each.addEventListener("click", () => step(Number(each.dataset.step))));
  return { toggle, step, time: () => first.currentTime, seek: (seconds) => { pause(); seek(seconds); } };
}
