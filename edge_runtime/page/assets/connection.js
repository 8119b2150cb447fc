// The stream of snapshots: opened again when it breaks, closed while nobody looks.
const SILENCE_MS = 25000, RETRY_MS = 1500;

export class Connection {
  // `takes` has a function for each kind of event.
  constructor({ link, ...takes }) {
    Object.assign(this, { takes, link, path: "", source: null });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    window.addEventListener("pagehide", () => this.close());
    setInterval(() => this.source && Date.now() - this.heard > SILENCE_MS && this.again(), 2000);
  }

  watch(path) {
    this.path = path;
    this.close();
    this.open();
  }

  open() {
    if (this.source || document.hidden || !this.path) return;
    this.heard = Date.now();
    const source = (this.source = new EventSource(this.path));
    for (const [name, take] of Object.entries(this.takes)) {
      source.addEventListener(name, (event) => {
        this.heard = Date.now();
        this.link("live");
        take(JSON.parse(event.data));
      });
    }
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
