// What the page knows: nodes with their numbers, and who uses whom.

class Graph {
  constructor(data) {
    Object.assign(this, data);
    this.staged = this.nodes.some((node) => node.op && node.stage);
    this.mixed = this.nodes.some((node) => node.op && !node.stage) && this.nodes.some((node) => node.stage);
    this.recorded = this.nodes.some((node) => node.known && node.known !== "not yet");
    this.operations = this.nodes.length;
    this.results.forEach(([i, label]) => this.nodes.push(this.resultNode(i, label)));
    this.users = this.nodes.map(() => []);
    this.nodes.forEach((node, i) => {
      node.index = i;
      (node.inputs ??= []).forEach((tensor, argument) => this.users[tensor].push({ tensor, user: i, argument }));
    });
    for (const node of this.nodes) // what the only use of a tensor passed back is its whole gradient
      node.edges?.forEach((edge, argument) => edge && (edge.passed ??= this.nodes[node.inputs[argument]].gradient));
  }

  resultNode(i, label) {
    const { shape, dtype, value, gradient, known } = this.nodes[i];
    return { name: label, role: "result", shape, dtype, value, gradient, known, inputs: [i] };
  }

  // How much of what is coloured a box stands for.
  amountOf(nodes) {
    return total(nodes.map((i) => AMOUNTS[this.tint][0](this.nodes[i]) || 0));
  }

  isParameter(i) {
    return this.nodes[i].role === "parameter" && !this.nodes[i].op;
  }

  label(i) {
    const node = this.nodes[i];
    return node.name || (node.op ? node.op : node.role);
  }

  // The nodes before or after some, themselves included.
  reached(start, forward) {
    const found = new Set(start);
    const waiting = [...start];
    while (waiting.length) {
      const i = waiting.pop();
      const next = forward ? this.users[i].map((use) => use.user) : this.nodes[i].inputs;
      for (const j of next) if (!found.has(j)) found.add(j), waiting.push(j);
    }
    return found;
  }

  parametersOf(operations) {
    const found = new Set();
    for (const i of operations) for (const k of this.nodes[i].inputs) if (this.isParameter(k)) found.add(k);
    return [...found];
  }

  // The norm of several gradients together, or the state that tells why there is none.
  normOf(nodes) {
    const known = nodes.filter((node) => node.gradient?.norm !== undefined);
    if (known.length) return { value: Math.hypot(...known.map((node) => Number(node.gradient.norm))) };
    return { state: nodes.some((node) => node.known === "none") ? "no gradient here" : "no backward yet" };
  }

  // What is known of the gradient on a wire: all of the tensor's, or what its one use passed back.
  gradientOf(uses) {
    const found = [];
    for (const tensor of new Set(uses.map((use) => use.tensor))) {
      const mine = uses.filter((use) => use.tensor === tensor);
      const node = this.nodes[tensor];
      if (node.role === "constant") continue;
      if (mine.length === this.users[tensor].length || mine.some((use) => this.nodes[use.user].role === "result"))
        found.push(node);
      else if (mine.length === 1) {
        const passed = this.nodes[mine[0].user].edges?.[mine[0].argument]?.passed;
        found.push({ gradient: passed, known: passed ? "known" : node.known });
      } else return null; // a sum that the page cannot know
    }
    return found.length ? this.normOf(found) : null;
  }

  colour(value) {
    value = Number(value);
    if (!Number.isFinite(value)) return this.notFinite;
    if (value === 0) return "#FFFFFF";
    const power = Math.min(Math.max(Math.log10(value), this.scale[0][0]), this.scale.at(-1)[0]);
    const k = Math.max(1, this.scale.findIndex(([mark]) => power <= mark));
    const [[low, start], [high, end]] = [this.scale[k - 1], this.scale[k]];
    return mixed(start, end, (power - low) / (high - low));
  }
}
