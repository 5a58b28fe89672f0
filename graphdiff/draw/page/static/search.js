// Search over names, operations, scopes, shapes and source lines.

const MOST_MATCHES = 50;

class Search {
  constructor(page) {
    Object.assign(this, { page, field: byId("search"), list: byId("matches"), found: [], at: -1 });
    this.field.addEventListener("input", () => this.run());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("focus", () => this.found.length && this.display(true));
    this.field.addEventListener("blur", () => setTimeout(() => this.display(false), 150));
  }

  get graph() {
    return this.page.graph;
  }

  reset() {
    this.kept = undefined;
    this.field.value = "";
    this.found = [];
    this.display(false);
  }

  // What can be found: every node that has a place in the picture.
  get texts() {
    this.kept ??= this.graph.nodes.map((node, i) => {
      const place = this.page.view.part(i) !== undefined || this.page.view.units?.home.has(i);
      return place ? [this.graph.label(i), node.op, node.scope, node.shape, node.dtype, node.source, ...(node.rows ?? [])].filter(Boolean).join(" ").toLowerCase() : "";
    });
    return this.kept;
  }

  run() {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.found = [];
    if (words.length) this.texts.forEach((text, i) => text && words.every((word) => text.includes(word)) && this.found.push(i));
    this.at = -1;
    this.list.replaceChildren(...this.found.slice(0, MOST_MATCHES).map((i, k) => this.option(i, k)));
    if (this.found.length > MOST_MATCHES) this.list.append(html("li", { class: "quiet", role: "presentation" }, `and ${this.found.length - MOST_MATCHES} more`));
    if (words.length && !this.found.length) this.list.append(html("li", { class: "quiet", role: "presentation" }, "nothing found"));
    this.display(words.length > 0);
    this.page.mark();
    if (words.length) this.page.say(plural(this.found.length, "match").replace("matchs", "matches"));
  }

  option(i, k) {
    const node = this.graph.nodes[i];
    const where = [node.scope, node.op !== this.graph.label(i) ? node.op : "", node.shape].filter(Boolean).join(" · ");
    return html("li", { role: "option", id: `match${k}`, onpointerdown: (event) => (event.preventDefault(), this.go(k)) }, html("b", {}, this.graph.label(i)), " ", html("span", { class: "quiet" }, where));
  }

  display(shown) {
    this.list.hidden = !shown;
    this.field.setAttribute("aria-expanded", shown);
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, Enter: event.shiftKey ? -1 : 1 }[event.key];
    if (event.key === "Escape") {
      this.field.value = "";
      this.run();
      this.page.stage.focus();
    } else if (step && this.found.length) {
      event.preventDefault();
      const most = Math.min(this.found.length, MOST_MATCHES);
      this.go((this.at + step + most) % most);
    }
    event.stopPropagation();
  }

  go(k) {
    this.at = k;
    [...this.list.children].forEach((item, n) => item.setAttribute("aria-selected", n === k));
    this.list.children[k]?.scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", `match${k}`);
    this.page.choose(this.found[k], true);
  }
}
