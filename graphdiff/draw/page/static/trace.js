// Ways through the graph: what comes before or after a box, and everything between two.

class Trace {
  constructor(page) {
    Object.assign(this, { page, nodes: null, start: null });
  }

  get graph() {
    return this.page.graph;
  }

  clear() {
    this.nodes = this.start = null;
    this.page.mark();
  }

  set(nodes, said) {
    this.nodes = nodes;
    this.start = null;
    this.page.mark();
    this.page.say(said(plural([...nodes].filter((i) => this.graph.nodes[i].op).length, "operation")));
  }

  before() {
    const chosen = this.page.chosen;
    if (chosen.length) this.set(this.graph.reached(chosen, false), (n) => `${n} lead here`);
  }

  after() {
    const chosen = this.page.chosen;
    if (chosen.length) this.set(this.graph.reached(chosen, true), (n) => `${n} follow from here`);
  }

  // The first call remembers where the path starts; the box that is chosen next ends it.
  between() {
    if (!this.page.chosen.length) return this.page.say("Choose the box where the path starts");
    this.start = [...this.page.chosen];
    this.page.say("Now choose the box where the path ends");
  }

  // Called with every choice; shows the path if one was started.
  end(chosen) {
    if (!this.start) return;
    const both = (from, to) => {
      const after = this.graph.reached(from, true);
      return new Set([...this.graph.reached(to, false)].filter((i) => after.has(i)));
    };
    const ahead = both(this.start, chosen);
    const found = ahead.size ? ahead : both(chosen, this.start);
    if (found.size) this.set(found, (n) => `${n} on the paths between`);
    else this.start = null, this.page.say("No path leads from one to the other");
  }

  holds(use) {
    return this.nodes.has(use.tensor) && this.nodes.has(use.user);
  }
}
