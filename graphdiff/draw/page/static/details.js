// What is said of a node or a scope when it is pointed at, focused or chosen.

class Details {
  constructor(page) {
    Object.assign(this, { page, section: byId("details") });
  }

  get graph() {
    return this.page.graph;
  }

  clear() {
    const graph = this.graph;
    this.section.replaceChildren(
      html("h2", {}, graph.title),
      ...this.wrong(),
      html("p", { class: "quiet hint" }, "Point at a box for its details, choose it to keep them. S steps through the computation, / searches, ? lists all keys."),
    );
  }

  // The first value that is not finite, and the first such gradient on the way back.
  wrong() {
    const { graph } = this;
    const bad = (found) => found && (found.bad || (found.norm !== undefined && !Number.isFinite(Number(found.norm))));
    const forward = graph.nodes.find((node) => bad(node.value));
    const backward = graph.nodes.findLast((node) => bad(node.gradient));
    const link = (words, node) => html("p", { class: "wrong" }, `${words}: `, html("button", { class: "link", onclick: () => this.page.choose(node.index, true) }, graph.label(node.index)));
    return [forward && link("First value that is not finite", forward), backward && link("First gradient that is not finite", backward)].filter(Boolean);
  }

  // What flows along a link: the tensor, or each of several.
  wire(uses) {
    const { graph } = this;
    const tensors = [...new Set(uses.map((use) => use.tensor))];
    if (tensors.length === 1) return this.show({ nodes: tensors });
    const rows = tensors.slice(0, 40).map((i) => {
      const node = graph.nodes[i];
      return html("tr", {}, html("td", {}, graph.label(i)), html("td", {}, node.shape), html("td", {}, node.gradient ? normText(node.gradient.norm) : "—"));
    });
    const head = html("tr", {}, html("th", {}, "tensor"), html("th", {}, "shape"), html("th", {}, "‖∇‖"));
    this.section.replaceChildren(html("h2", {}, plural(tensors.length, "tensor")), html("table", {}, html("thead", {}, head), html("tbody", {}, ...rows)));
  }

  show(part) {
    const scope = part.unit?.folds || part.unit?.operations.length > 1 && part.unit.kind !== "result";
    this.section.replaceChildren(...(scope ? this.scope(part.unit) : this.node(part.nodes[0])));
  }

  scope(unit) {
    const { graph } = this;
    const operations = unit.operations.map((i) => graph.nodes[i]).filter((node) => node.op);
    const parameters = graph.parametersOf(unit.operations);
    const counts = new Map();
    operations.forEach((node) => counts.set(node.op, (counts.get(node.op) ?? 0) + 1));
    const rows = [
      ["scope", unit.path],
      ["operations", [...counts].map(([name, n]) => (n > 1 ? `${name} × ${n}` : name)).join(", ")],
      ["parameters", parameters.length ? `${countText(total(parameters.map((i) => graph.nodes[i].size)))} in ${plural(parameters.length, "tensor")}` : "none"],
    ];
    rows.push(...this.costs(operations));
    if (unit.kind === "repeat") rows.push(["blocks", `${unit.children.length} of equal build, ${this.sharing(unit)}`]);
    if (parameters.length) rows.push(["‖∇W‖", chipText(graph.normOf(parameters.map((i) => graph.nodes[i])))]);
    rows.push(["source", operations.at(-1)?.source]);
    return [html("h2", {}, unit.name), this.table(rows), this.actions(unit), ...this.parameterList(parameters)];
  }

  sharing(unit) {
    const sets = unit.children.map((child) => this.graph.parametersOf(child.operations));
    const all = sets.flat();
    if (!all.length) return "without weights";
    return new Set(all).size === all.length ? "each with weights of its own" : "with shared weights";
  }

  node(i) {
    const { graph } = this;
    const node = graph.nodes[i];
    const of = graph.of;
    const rows = [
      ["operation", node.op && [node.op, node.symbol !== node.op ? node.symbol : ""].filter(Boolean).join("  ")],
      ["computes", node.doc],
      ["derivative", node.formula?.filter(Boolean).join(",  ")],
      ["scope", node.scope],
      ["role", node.op ? "" : node.role],
      ...(node.rows ?? []).map((row) => ["", row]),
      ["shape", [node.shape, node.dtype].filter(Boolean).join("  ")],
      ["value", node.value?.exact ?? node.value?.text],
      ["spread", this.spread(node.value), node.value?.bins],
      [`∂${of}/∂·`, [node.gradient?.exact ?? node.gradient?.text ?? { none: "no gradient here", "not yet": graph.recorded || graph.staged ? "" : "no backward yet" }[node.known], node.state && `(${node.state})`].filter(Boolean).join("  ")],
      ["spread", this.spread(node.gradient), node.gradient?.bins],
      ...this.costs([node]),
      ...Object.entries(node.params ?? {}),
      ["source", node.source],
    ];
    const parameters = node.op ? graph.parametersOf([i]) : [];
    return [html("h2", {}, graph.label(i)), this.table(rows), this.actions(null, i), this.neighbours("from", node.inputs.filter((k) => !parameters.includes(k))), this.neighbours("to", graph.users[i].map((use) => use.user)), ...this.parameterList(parameters)];
  }

  spread(found) {
    if (!found || found.min === undefined) return found?.bad ? `${found.bad} not finite` : "";
    const bad = found.bad ? `, ${found.bad} not finite` : "";
    const zeros = found.zeros ? `, ${Math.round(found.zeros * 100)}% zero` : "";
    return `${normText(found.min)} … ${normText(found.max)}, mean ${normText(found.mean)} ± ${normText(found.std)}${zeros}${bad}`;
  }

  table(rows) {
    const table = html("dl");
    for (const [name, value, bins] of rows)
      if (value) table.append(html("dt", {}, name), html("dd", {}, String(value), bins ? this.histogram(bins) : ""));
    return table;
  }

  histogram(bins) {
    const most = Math.max(...bins);
    const bars = bins.map((n, k) => {
      const h = n ? Math.max(1, (30 * n) / most) : 0;
      return svg("rect", { x: k * 12, y: num(31 - h), width: 11, height: num(h) });
    });
    return svg("svg", { class: "histogram", viewBox: "0 0 192 32", role: "img", "aria-label": `histogram of ${bins.length} bins: ${bins.join(", ")}` }, ...bars);
  }

  costs(nodes) {
    const flops = total(nodes.map((node) => node.flops));
    return [["compute", flops && `${countText(flops)} FLOPs`], ["memory", this.memory(nodes)], ["time", this.times(nodes)]];
  }

  memory(nodes) {
    return nodes.some((node) => node.bytes !== undefined) ? bytesText(total(nodes.map((node) => node.bytes))) : "";
  }

  times(nodes) {
    const [forward, backward] = [total(nodes.map((node) => node.seconds)), total(nodes.map((node) => node.backSeconds))];
    return forward ? `${secondsText(forward)}${backward ? `, ${secondsText(backward)} back` : ""}` : "";
  }

  neighbours(word, nodes) {
    const found = [...new Set(nodes)].slice(0, 12);
    if (!found.length) return "";
    const links = found.map((k) => html("button", { class: "link", onclick: () => this.page.choose(k, true) }, this.graph.label(k)));
    return html("p", { class: "neighbours" }, html("span", { class: "quiet" }, word), ...links);
  }

  parameterList(parameters) {
    if (!parameters.length) return [];
    const rows = parameters.slice(0, 40).map((i) => {
      const node = this.graph.nodes[i];
      return html("tr", {}, html("td", {}, node.name || "parameter"), html("td", {}, node.shape), html("td", {}, node.gradient ? normText(node.gradient.norm) : "—"));
    });
    const head = html("tr", {}, html("th", {}, "parameter"), html("th", {}, "shape"), html("th", {}, "‖∇‖"));
    const rest = parameters.length - rows.length;
    return [html("table", {}, html("thead", {}, head), html("tbody", {}, ...rows)), rest > 0 ? html("p", { class: "quiet" }, `and ${rest} more`) : ""];
  }

  actions(unit, i) {
    const { page } = this;
    const button = (words, key, run) => html("button", { title: `${words} (${key.toUpperCase()})`, onclick: run }, words);
    const row = html("div", { class: "actions" });
    if (unit) row.append(button(page.view.open?.has(unit.key) ? "Fold" : "Unfold", "Enter", () => page.toggle(unit)));
    row.append(
      button("Before", "a", () => page.trace.before()),
      button("After", "d", () => page.trace.after()),
      button("Path to…", "p", () => page.trace.between()),
    );
    return row;
  }
}
