// Zoom and pan: drag, pinch, Ctrl + wheel, double click, or + - 0 and the arrow keys. Reports use it too.
export function zoomable(element, { zoom, pan, home }) {
  const fingers = new Map();
  let moved = 0;
  const share = (x) => {
    const box = element.getBoundingClientRect();
    return Math.min(1, Math.max(0, (x - box.left) / box.width));
  };
  element.addEventListener("wheel", (event) => {
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      pan(event.deltaX / element.clientWidth);
    } else if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, share(event.clientX));
    }
  }, { passive: false });
  element.addEventListener("dblclick", (event) => zoom(0.4, share(event.clientX)));
  element.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event.clientX);
    moved = 0;
  });
  element.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = [...fingers.values()], step = event.clientX - fingers.get(event.pointerId);
    fingers.set(event.pointerId, event.clientX);
    moved += Math.abs(step);
    if (moved > 4) element.setPointerCapture(event.pointerId);
    const after = [...fingers.values()];
    if (after.length === 2) {
      const apart = Math.max(20, Math.abs(after[0] - after[1]));
      zoom(Math.max(20, Math.abs(before[0] - before[1])) / apart, share((after[0] + after[1]) / 2));
    } else if (moved > 4) {
      pan(-step / element.clientWidth);
    }
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
    element.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  // A drag that ends on a link is no click on it.
  element.addEventListener("click", (event) => moved > 4 && event.preventDefault(), true);
  element.addEventListener("keydown", (event) => {
    const keys = {
      "+": () => zoom(0.5, 0.5), "=": () => zoom(0.5, 0.5), "-": () => zoom(2, 0.5), "0": home, End: home,
      ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), PageUp: () => pan(-0.9), PageDown: () => pan(0.9),
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
}
