// Forward and backward, node by node: operations in order, then each edge's local × upstream = contribution.

const TEMPO = 1400;

class Steps {
  constructor(page) {
    Object.assign(this, { page, section: byId("steps"), at: -1, timer: 0, lent: [] });
    this.build();
  }

  get graph() {
    return this.page.graph;
  }

  // The steps of the graph that is shown.
  reset() {
    if (this.on) this.stop();
    const { nodes } = this.graph;
    const operations = nodes.filter((node) => node.op).map((node) => node.index);
    const passed = operations.filter((i) => nodes[i].edges?.some(Boolean)).reverse();
    this.list = [...operations.map((node) => ({ node, back: false })), ...passed.map((node) => ({ node, back: true }))];
    this.forward = operations.length;
    this.valued = new Map(operations.map((i, step) => [i, step]));
    this.passedAt = new Map(passed.map((i, k) => [i, this.forward + k]));
    this.slider.max = Math.max(0, this.list.length - 1);
  }

  get on() {
    return this.at >= 0;
  }

  build() {
    const button = (id, words, title, run) => html("button", { id, title, "aria-label": title, onclick: run }, words);
    this.count = html("span", { class: "count" });
    this.slider = html("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Step", oninput: () => this.go(Number(this.slider.value)) });
    this.body = html("div", { class: "step", "aria-live": "polite" });
    const bar = html("div", { class: "player" },
      button("first", "|◀", "First step (Home)", () => this.go(0)),
      button("previous", "◀", "Previous step (←)", () => this.move(-1)),
      button("play", "▶ Play", "Play or pause (Space)", () => this.play()),
      button("next", "▶", "Next step (→)", () => this.move(1)),
      button("last", "▶|", "Last step (End)", () => this.go(this.list.length - 1)),
      button("stop", "✕", "Leave the steps (Escape)", () => this.stop()),
    );
    this.section.append(html("div", { class: "stephead" }, html("h2", {}, "Steps"), this.count), bar, this.slider, this.body);
  }

  start() {
    if (!this.list.length) return this.page.say("There is no operation to step through");
    this.section.hidden = false;
    this.go(0);
  }

  stop() {
    this.pause();
    this.at = -1;
    this.section.hidden = true;
    this.lend([]);
    this.page.mark();
  }

  move(by) {
    if (this.on) this.go(Math.min(this.list.length - 1, Math.max(0, this.at + by)));
  }

  play() {
    if (this.timer) return this.pause();
    if (this.at === this.list.length - 1) this.go(0);
    this.timer = setInterval(() => (this.at < this.list.length - 1 ? this.move(1) : this.pause()), TEMPO);
    byId("play").textContent = "❚❚ Pause";
  }

  pause() {
    clearInterval(this.timer);
    this.timer = 0;
    byId("play").textContent = "▶ Play";
  }

  go(at) {
    this.at = at;
    const { node, back } = this.list[at];
    const [number, of] = back ? [at - this.forward + 1, this.list.length - this.forward] : [at + 1, this.forward];
    this.count.textContent = `${back ? "backward" : "forward"} ${number} of ${of}`;
    this.slider.value = at;
    this.section.classList.toggle("back", back);
    this.lend(this.page.view.closedAround(node));
    this.page.mark();
    this.body.replaceChildren(...(back ? this.backward(node) : this.ahead(node)));
    const part = this.page.view.part(node);
    if (part) this.page.camera.show(part.element);
  }

  // Unfolds what a step needs, and folds again what an earlier one needed.
  lend(needed) {
    const { view } = this.page;
    const kept = this.lent.filter((unit) => needed.some((one) => one === unit || one.around.includes(unit)) || this.within(unit));
    this.lent.filter((unit) => !kept.includes(unit)).forEach((unit) => view.open.delete(unit.key));
    needed.forEach((unit) => view.open.add(unit.key));
    const changed = needed.length || kept.length < this.lent.length;
    this.lent = [...kept, ...needed];
    if (changed) this.page.redraw();
  }

  within(unit) {
    return this.on && unit.operations.includes(this.list[this.at].node);
  }

  // What is known at this step: the value of a tensor, and what a use passed back.
  hasValue(tensor) {
    return (this.valued.get(tensor) ?? -1) <= this.at;
  }

  hasGradient(use) {
    if (this.graph.nodes[use.user].role === "result") return this.at >= this.forward;
    return (this.passedAt.get(use.user) ?? Infinity) <= this.at;
  }

  ahead(i) {
    const { graph } = this;
    const node = graph.nodes[i];
    const shown = node.value?.text ?? node.shape;
    const operands = node.inputs.map((k) => graph.nodes[k].value?.text ?? graph.nodes[k].shape);
    const rows = node.inputs.map((k, argument) => html("tr", {}, html("td", {}, this.operand(k, argument)), html("td", {}, operands[argument])));
    return [
      html("h3", {}, node.op, node.name && node.name !== node.op ? html("span", { class: "quiet" }, `  ${node.name}`) : ""),
      node.doc ? html("p", { class: "quiet" }, node.doc) : "",
      html("p", { class: "sum" }, this.expression(node, operands), " = ", html("b", { class: "value" }, shown)),
      html("table", {}, html("tbody", {}, ...rows, html("tr", { class: "total" }, html("td", {}, "result"), html("td", { class: "value" }, shown)))),
      ...this.numbers(node.value),
    ].filter((child) => child !== "");
  }

  // −2.00 + 5.00 where the symbol goes between, exp(−1.00) elsewhere.
  expression(node, operands) {
    const longest = Math.max(...operands.map((text) => text.length), 0);
    const texts = longest > 28 ? node.inputs.map((k, argument) => this.operand(k, argument)) : operands;
    const infix = texts.length === 2 && node.symbol?.length === 1 && /[^\w\s]/.test(node.symbol);
    return infix ? `${texts[0]} ${node.symbol} ${texts[1]}` : `${node.op}(${texts.join(", ")})`;
  }

  operand(k, argument) {
    const node = this.graph.nodes[k];
    return node.name || `${"xyzuvw"[argument] ?? argument}: ${node.op ?? node.role}`;
  }

  backward(i) {
    const { graph } = this;
    const node = graph.nodes[i];
    const of = graph.of;
    const upstream = node.gradient?.text ?? "—";
    const blocks = node.inputs.flatMap((k, argument) => {
      const edge = node.edges[argument];
      return edge ? [this.contribution(node, k, argument, edge, upstream)] : [];
    });
    return [
      html("h3", {}, node.op, node.name && node.name !== node.op ? html("span", { class: "quiet" }, `  ${node.name}`) : ""),
      html("p", {}, html("span", { class: "quiet" }, `upstream  ∂${of}/∂${node.name || "out"} = `), html("b", { class: "gradient" }, upstream)),
      ...blocks,
    ];
  }

  contribution(node, k, argument, edge, upstream) {
    const { graph } = this;
    const formula = node.formula?.[Math.min(argument, node.formula.length - 1)] ?? "";
    const name = this.operand(k, argument);
    const block = html("div", { class: "edge" }, html("div", { class: "to" }, "to ", html("b", {}, name)));
    const numeric = edge.local && edge.local !== formula;
    if (formula) block.append(html("div", { class: "quiet" }, `local gradient:  ${formula}${numeric ? ` = ${edge.local}` : ""}`));
    else if (numeric) block.append(html("div", { class: "quiet" }, `local gradient:  ${edge.local}`));
    block.append(html("div", { class: "sum" }, ...this.product(edge.local || "local", upstream), " = ", html("b", { class: "gradient" }, edge.passed.text)));
    if (node.elementwise && graph.nodes[k].shape !== node.shape)
      block.append(html("div", { class: "quiet" }, `${name} was broadcast: summed to its shape, ${graph.nodes[k].shape}`));
    block.append(...this.numbers(edge.passed));
    const uses = graph.users[k].filter((use) => graph.nodes[use.user].edges?.[use.argument]);
    if (uses.length > 1) {
      const last = uses.every((use) => this.hasGradient(use));
      const total = graph.nodes[k].gradient?.text;
      block.append(html("div", { class: "quiet" }, last ? `${name} has ${uses.length} uses; their sum: ${total}` : `${name} has ${uses.length} uses; more is to come`));
    }
    return block;
  }

  // A formula that has the upstream gradient in it, such as ∇·Yᵀ, is no factor but the whole product.
  product(local, upstream) {
    const gradient = html("span", { class: "gradient" }, upstream);
    const first = html("span", { class: "local" }, local);
    return local.includes("∇") ? [first, " with ∇ = ", gradient] : [first, " × ", gradient];
  }

  numbers(found) {
    if (!found || found.norm === undefined || found.min === undefined) return [];
    const norm = html("div", { class: "quiet" }, `‖·‖ ${normText(found.norm)} · ${this.page.details.spread(found)}`);
    return [norm];
  }
}
