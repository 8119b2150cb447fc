// The rows: as many as were scrolled to, in an order that waits while somebody points at them.
import { $ } from "./dom.js";
import { Row } from "./row.js";

const CHUNK = 100, HAND_MS = 2500, MARGIN = "400px";

export class Table {
  constructor(fleet, filter) {
    Object.assign(this, { fleet, filter, rows: new Map(), near: new Set(), order: [], most: CHUNK, touched: 0, isDue: false });
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: MARGIN });
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.more(), { rootMargin: "800px" }).observe($("end"));
    for (const name of ["pointermove", "pointerdown", "touchstart", "focusin", "keydown"]) {
      $("rows").addEventListener(name, () => (this.touched = Date.now()), { passive: true });
    }
    window.addEventListener("scroll", () => (this.touched = Date.now()), { passive: true });
  }

  // Figures are written where somebody may see them.
  take({ gone, facts, pulses, moved }) {
    const now = this.fleet.now();
    for (const id of facts) this.rows.get(id)?.facts(this.fleet.machines.get(id), now);
    for (const id of pulses) if (this.near.has(id)) this.rows.get(id)?.pulse(this.fleet.machines.get(id), now);
    for (const id of gone) this.drop(id);
    if (moved) this.isDue = true;
    this.settle();
  }

  age() {
    for (const id of this.near) {
      const machine = this.fleet.machines.get(id);
      if (machine) this.rows.get(id)?.pulse(machine, this.fleet.now());
    }
    this.settle();
  }

  // Rows must not move under a finger.
  settle() {
    const isBusy = this.order.length > 0 && Date.now() - this.touched < HAND_MS;
    if (this.isDue && !isBusy) this.arrange();
  }

  arrange() {
    this.isDue = false;
    this.order = [...this.fleet.machines.values()].filter((one) => this.filter.passes(one)).sort(this.fleet.order).map((one) => one.id);
    $("none").hidden = this.order.length > 0;
    $("table").hidden = !this.order.length;
    this.place();
  }

  more() {
    if (this.most >= this.order.length) return;
    this.most += CHUNK;
    this.place();
  }

  place() {
    const box = $("rows"), shown = this.order.slice(0, this.most), wanted = new Set(shown);
    for (const id of [...this.rows.keys()]) if (!wanted.has(id)) this.drop(id);
    // Only what stands elsewhere is moved: a moved element loses its focus, and the place that was scrolled to.
    const focused = document.activeElement;
    let next = box.firstElementChild;
    for (const id of shown) {
      const row = this.row(id);
      if (row.element === next) next = next.nextElementSibling;
      else box.insertBefore(row.element, next);
    }
    if (box.contains(focused)) focused.focus({ preventScroll: true });
  }

  row(id) {
    let row = this.rows.get(id);
    if (!row) {
      row = new Row();
      row.element.dataset.id = id;
      row.facts(this.fleet.machines.get(id), this.fleet.now());
      this.rows.set(id, row);
      this.watcher.observe(row.element);
    }
    return row;
  }

  drop(id) {
    const row = this.rows.get(id);
    if (!row) return;
    this.watcher.unobserve(row.element);
    row.element.remove();
    this.rows.delete(id);
    this.near.delete(id);
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const id = Number(target.dataset.id), row = this.rows.get(id), machine = this.fleet.machines.get(id);
      if (!isIntersecting || !row || !machine) this.near.delete(id);
      else {
        this.near.add(id);
        row.pulse(machine, this.fleet.now());
      }
    }
  }
}
