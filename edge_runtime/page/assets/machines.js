// The list of machines, where there are several: those in alarm first.
import { $, make, say, set } from "./dom.js";
import { sign, WORDS } from "./signs.js";
import { score } from "./format.js";

const ORDER = ["alarm", "down", "stale", "starting", "learning", "well"];

export class Machines {
  constructor() {
    this.links = new Map();
  }

  show(list, current) {
    const nav = $("machines");
    nav.hidden = list.length < 2;
    if (nav.hidden) return;
    const sorted = [...list].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
    for (const name of this.links.keys()) {
      if (!list.some((one) => one.name === name)) this.links.delete(name);
    }
    const order = sorted.map((one) => this.link(one, current));
    // Moving an element takes its focus: only where the order has changed.
    if (order.some((link, place) => nav.children[place] !== link) || nav.children.length !== order.length) {
      const focused = document.activeElement;
      nav.replaceChildren(...order);
      if (order.includes(focused)) focused.focus();
    }
  }

  link({ name, state, ratio }, current) {
    let link = this.links.get(name);
    if (!link) {
      link = make("a", { href: `#${encodeURIComponent(name)}` }, make("span", { class: "icon" }), make("span", { class: "name", title: name }, name), make("span", { class: "word" }));
      this.links.set(name, link);
    }
    if (link.dataset.state !== state) {
      link.dataset.state = state;
      link.firstElementChild.replaceChildren(sign(state));
    }
    say(link.lastElementChild, state === "alarm" || state === "well" ? `${WORDS[state]} ${ratio === null ? "" : score(ratio)}`.trim() : WORDS[state]);
    if (name === current) set(link, "aria-current", "page");
    else link.removeAttribute("aria-current");
    return link;
  }
}
