// The stream of snapshots: opened again when it breaks, closed while nobody looks.
import { livePath } from "./api.js";

const SILENCE_MS = 25000, RETRY_MS = 1500;

export class Connection {
  constructor({ machine, machines, link }) {
    Object.assign(this, { take: machine, takeAll: machines, link, name: "", source: null });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    window.addEventListener("pagehide", () => this.close());
    setInterval(() => this.source && Date.now() - this.heard > SILENCE_MS && this.again(), 2000);
  }

  watch(name) {
    this.name = name;
    this.close();
    this.open();
  }

  open() {
    if (this.source || document.hidden || !this.name) return;
    this.heard = Date.now();
    const source = (this.source = new EventSource(livePath(this.name)));
    const on = (name, act) =>
      source.addEventListener(name, (event) => {
        this.heard = Date.now();
        this.link("live");
        act(JSON.parse(event.data));
      });
    on("machine", this.take);
    on("machines", this.takeAll);
    source.addEventListener("error", () => source === this.source && this.again());
  }

  // Browsers give up after some answers, such as 503: this does not.
  again() {
    this.close();
    this.link("lost");
    this.timer = setTimeout(() => this.open(), RETRY_MS);
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
